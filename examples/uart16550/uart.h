/* The 16550A's registers, its state, and what its files do for each other.
 *
 * Names follow the National Semiconductor PC16550D data sheet.
 */
#ifndef UART_H
#define UART_H

#include "hotswap_card.h"

#define FIFO 16
#define INPUT_HZ 1843200u

/* Offsets from the base; RBR, THR and IER are DLL and DLM while DLAB is set. */
enum reg { RBR = 0, THR = 0, IER = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7 };

enum { ERBFI = 0x01, ETBEI = 0x02, ELSI = 0x04, EDSSI = 0x08 };            /* IER */
enum { LINE_STATUS = 0x06, RECEIVED_DATA = 0x04, TIME_OUT = 0x0C,          /* IIR, most */
       THR_EMPTY = 0x02, MODEM_STATUS = 0x00, NONE = 0x01 };               /* urgent first */
enum { FIFO_ENABLE = 0x01, CLEAR_RECEIVER = 0x02, DMA_MODE = 0x08, TRIGGER = 0xC0 }; /* FCR */
enum { WLS = 0x03, STB = 0x04, PEN = 0x08, DLAB = 0x80 };                  /* LCR */
enum { DTR = 0x01, RTS = 0x02, OUT1 = 0x04, OUT2 = 0x08, LOOP = 0x10 };    /* MCR */
enum { DR = 0x01, OE = 0x02, THRE = 0x20, TEMT = 0x40 };                   /* LSR */
enum { DCTS = 0x01, DDSR = 0x02, TERI = 0x04, DDCD = 0x08,                 /* MSR */
       CTS = 0x10, DSR = 0x20, RI = 0x40, DCD = 0x80 };

/* All a driver could notice. The names of the fields in card.c are those of the card `uart` in
 * Python, so that either can go on where the other was. */
struct uart {
	uint8_t ier, fcr, lcr, mcr, scr;
	uint8_t deltas;         /* the low half of the MSR */
	uint16_t divisor;
	uint8_t fifo[FIFO];     /* the receiver's, or its one byte; [0] is read next */
	uint32_t received;      /* how many of them */
	uint8_t overrun;
	uint8_t thre;           /* the transmitter takes bytes */
	uint8_t thr_interrupt;  /* THRE has become true; neither IIR nor THR was touched since */
	uint8_t timed_out;      /* four characters' time since the FIFO was touched last */
	uint64_t time_out_at;   /* when it will have passed; ns of machine time */
	uint32_t timing_out;    /* 1: time_out_at counts */
};

extern struct uart uart;

/* interrupts.c */
void interrupt(void);
uint32_t identify(void);
void line_unknown(void);

/* receiver.c */
uint32_t receive(void);
void loop_back(uint32_t value);
void fifo_control(uint32_t value);
uint32_t trigger(void);
void make_room(void);
void look_outside(void);
void input(void);
void timer(uint32_t timer);

/* transmitter.c */
void send(uint32_t value);
void output(void);

/* modem.c */
uint32_t modem_lines(void);
void modem_control(uint32_t value);

#endif
