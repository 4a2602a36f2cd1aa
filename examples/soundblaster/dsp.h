/* The DSP of a Sound Blaster 2.0: its ports, commands and state.
 *
 * Names follow Creative Labs, "Sound Blaster Series Hardware Programming Guide".
 */
#ifndef DSP_H
#define DSP_H

#include "hotswap_card.h"

/* Offsets from the base. */
enum port {
	RESET = 0x6,        /* w: 1, then 0 */
	READ_DATA = 0xA,    /* r */
	WRITE = 0xC,        /* w: command or data; r: bit 7 set while it takes none */
	DATA_AVAILABLE = 0xE, /* r: bit 7; reading takes the 8-bit interrupt back */
};

enum command {
	DIRECT_DAC = 0x10,          /* sample */
	DMA_SINGLE = 0x14,          /* length - 1, low byte first */
	DMA_AUTO = 0x1C,
	SET_TIME_CONSTANT = 0x40,   /* 256 - 1,000,000 / samples a second */
	SET_BLOCK_SIZE = 0x48,      /* length - 1, of the auto-init and high-speed commands */
	SILENCE = 0x80,             /* samples - 1 */
	DMA_AUTO_HIGH_SPEED = 0x90, /* no further command until RESET */
	DMA_SINGLE_HIGH_SPEED = 0x91,
	HALT_DMA = 0xD0,
	SPEAKER_ON = 0xD1,
	SPEAKER_OFF = 0xD3,
	CONTINUE_DMA = 0xD4,
	SPEAKER_STATUS = 0xD8,
	EXIT_AUTO = 0xDA,           /* at the end of the block */
	IDENTIFY = 0xE0,            /* byte: its complement comes back */
	VERSION = 0xE1,
	WRITE_TEST = 0xE4,          /* byte */
	READ_TEST = 0xE8,
	REQUEST_INTERRUPT = 0xF2,
};

enum { READY = 0xAA, MAJOR = 2, MINOR = 1 };
enum { SOUNDING_TIMER = 0, RESET_TIMER = 1, TIMERS = 2 };
enum mode { IDLE = 0, SINGLE = 1, AUTO = 2, SILENT = 3 };

#define REPLIES 8
#define RESET_NS 20000u    /* from the falling edge of RESET to READY */
#define CHUNK_NS 1000000u  /* samples are fetched about this often, several at a time */
#define MIDDLE 0x80        /* of the cone's way: silence */

/* All a driver could notice. */
struct dsp {
	uint8_t reset;           /* the bit last written */
	uint8_t command;         /* that waits for its bytes; 0: none does */
	uint8_t wanted;          /* bytes it still wants */
	uint8_t bytes[2];        /* those it has */
	uint32_t given;
	uint8_t replies[REPLIES]; /* READ_DATA takes [0] */
	uint32_t waiting;
	uint8_t test;
	uint8_t speaker;
	uint8_t time_constant;
	uint8_t high_speed;
	uint16_t block;          /* SET_BLOCK_SIZE, less one */
	uint8_t mode;
	uint8_t halted;
	uint8_t leaving;         /* EXIT_AUTO was given */
	uint8_t interrupt;       /* requested and not taken back */
	uint32_t left;           /* samples up to the end of the block */
	uint32_t due;            /* of them, how many the DMA controller owes */
	uint64_t sounded_at;     /* ns of machine time: when the samples before were through */
	uint64_t reset_at;       /* when the DSP is ready; 0: it is */
};

extern struct dsp dsp;

/* commands.c */
void reply(uint8_t value);
void command_byte(uint8_t value);

/* sound.c */
void request_interrupt(void);
void acknowledge(void);
void begin(enum mode mode, uint32_t samples);
void halt(void);
void go_on(void);
void schedule(void);
void timer(uint32_t which);
uint32_t dma_write(uint32_t line, const void *from, uint32_t size, uint32_t terminal);

#endif
