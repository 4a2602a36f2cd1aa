/* hotswap_card.h: what a card in C or assembly is made of. ABI 1.0, for docs/elf-cards.md.
 *
 * A card is one relocatable i386 object: functions the board calls, and one `struct hotswap_card`
 * in section .hotswap.card that names them. It runs on a small processor of its own: it sees its
 * own memory, nothing of the board's, and whatever else it wants it asks for with the calls below.
 * Every call of the board has a budget of instructions; a card that overruns it, or touches what is
 * not its own, is removed with a report, and the machine goes on.
 */
#ifndef HOTSWAP_CARD_H
#define HOTSWAP_CARD_H

#include <stdint.h>

#if !defined(__i386__)
#error "a card is code for an i386: compile with -m32, or with hotswap-host sdk build"
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define HOTSWAP_MAGIC 0x44435348u /* "HSCD" */
#define HOTSWAP_ABI_MAJOR 1
#define HOTSWAP_ABI_MINOR 0

#define HOTSWAP_MAX_PORTS 8
#define HOTSWAP_MAX_WINDOWS 4
#define HOTSWAP_MAX_LINES 4
#define HOTSWAP_MAX_TIMERS 8

/* What becomes of the card when the kernel under it is replaced. */
enum hotswap_policy {
	HOTSWAP_CARRY = 0,        /* state and lines go on */
	HOTSWAP_REINITIALISE = 1, /* reinitialise() is called */
	HOTSWAP_COLD_RESET = 2,   /* power_on() is called */
	HOTSWAP_REFUSE = 3        /* no switchover while it is plugged in */
};

struct hotswap_ports {
	uint16_t first, count;
};

struct hotswap_window {
	uint32_t first, size; /* bytes */
};

/* One way to set the jumpers. Several may be given: the first that is free is taken. */
struct hotswap_resources {
	struct hotswap_ports ports[HOTSWAP_MAX_PORTS];       /* count 0: not used */
	struct hotswap_window windows[HOTSWAP_MAX_WINDOWS];  /* size 0: not used */
	uint8_t irq_count, drq_count;
	uint8_t irqs[HOTSWAP_MAX_LINES], drqs[HOTSWAP_MAX_LINES];
	uint8_t reserved[2];
};

/* A setting: checked by the host, stored into `at` before power_on(). */
enum hotswap_setting_kind {
	HOTSWAP_NUMBER = 0, /* uint32_t, from `least` to `most` */
	HOTSWAP_FLAG = 1,   /* uint32_t, 0 or 1 */
	HOTSWAP_TEXT = 2    /* char[most], with its 0 */
};

struct hotswap_setting {
	const char *name, *help;
	void *at;
	uint32_t kind, least, most;
};

/* A field of the state by name, so that another implementation (another build, or a card in
 * Python) can take it over. Without a table, the state is the data sections as they are. */
enum hotswap_field_kind {
	HOTSWAP_UNSIGNED = 0, /* `size` 1, 2, 4 or 8 */
	HOTSWAP_SIGNED = 1,
	HOTSWAP_BOOL = 2,
	HOTSWAP_BYTES = 3, /* `size` is the room; *length bytes count */
	HOTSWAP_LIST = 4,  /* of unsigned numbers of `item` bytes; *length count; `size` is the room */
	HOTSWAP_OPTIONAL = 5 /* as UNSIGNED, or None while *length is 0; it is 1 otherwise */
};

struct hotswap_field {
	const char *name;
	void *at;
	uint32_t kind, size, item;
	uint32_t *length; /* BYTES, LIST: 0: always all of it; OPTIONAL has to have one */
};

/* The card. Functions it has not are 0. All are called one at a time, never inside another. */
struct hotswap_card {
	uint32_t magic, size; /* HOTSWAP_MAGIC, sizeof(struct hotswap_card) */
	uint16_t abi_major, abi_minor;
	char name[32], version[16];
	uint32_t state_version; /* 0 is 1 */
	uint8_t cycle_width; /* bytes: 1 and 2 ISA, 4 VLB; 0 is 1 */
	uint8_t policy;
	uint8_t timers; /* how many it uses */
	uint8_t reserved;
	const struct hotswap_resources *resources;
	uint32_t resource_count;
	const struct hotswap_setting *settings;
	uint32_t setting_count;
	const struct hotswap_field *fields;
	uint32_t field_count;

	void (*power_on)(void);                      /* after power-on and RESET */
	void (*plugged)(uint32_t alternative);       /* leases taken: which of `resources` */
	void (*reinitialise)(void);                  /* a new kernel takes over */
	uint32_t (*read)(uint32_t port, uint32_t width);                     /* IN */
	void (*write)(uint32_t port, uint32_t width, uint32_t value);        /* OUT */
	uint32_t (*memory_read)(uint32_t address, uint32_t width);           /* in a window */
	void (*memory_write)(uint32_t address, uint32_t width, uint32_t value);
	uint32_t (*dma_read)(uint32_t line, void *to, uint32_t size);        /* to memory; how many */
	uint32_t (*dma_write)(uint32_t line, const void *from, uint32_t size, uint32_t terminal);
	void (*dma_end)(uint32_t line);                                      /* TC */
	void (*timer)(uint32_t timer);                                       /* it has run out */
	void (*input)(void);                                                 /* hotswap_get has bytes */
	void (*work)(uint32_t what, uint32_t argument); /* hotswap_post's, in the card's own task */
	/* State of an older `state_version`, or with another layout: 0 when taken over. `old` is
	 * `size` bytes of struct hotswap_old, one after the other: what the older build's fields, or
	 * its variables, held. Memory is as after power_on() and plugged(). */
	int32_t (*migrate)(uint32_t version, const void *old, uint32_t size);
	void (*output)(void);   /* hotswap_put has room again, after hotswap_room() was 0 */
	void (*restored)(void); /* a saved state is in place (also another implementation's, which
	                           says nothing of timers): set timers anew; lines are as they were */
};

/* For migrate(): a field of the older state, or a variable of the older build. Of a field table
 * numbers, truth values and the items of a list have 8 bytes each, None has none; a variable has the
 * bytes it had. A block of hotswap_keep is called "block N". */
struct hotswap_old {
	char name[64];
	uint32_t size;     /* bytes of `content`; the next one begins at the next multiple of 4 */
	uint8_t content[];
};

/* The one called `name`, or 0. */
static inline const struct hotswap_old *hotswap_find_old(const void *old, uint32_t size,
							 const char *name)
{
	const char *at = (const char *)old, *end = at + size;

	while (at < end) {
		const struct hotswap_old *one = (const struct hotswap_old *)at;
		uint32_t same = 0;

		while (same < sizeof(one->name) && one->name[same] == name[same] && name[same])
			same++;
		if (same < sizeof(one->name) && one->name[same] == name[same])
			return one;
		at += sizeof(*one) + ((one->size + 3) & ~3u);
	}
	return 0;
}

/* HOTSWAP_CARD(name, version, .read = ..., ...): the descriptor. */
#define HOTSWAP_CARD(card_name, card_version, ...)                                                 \
	const struct hotswap_card hotswap_card                                                     \
		__attribute__((section(".hotswap.card"), used)) = {                                \
			.magic = HOTSWAP_MAGIC,                                                    \
			.size = sizeof(struct hotswap_card),                                       \
			.abi_major = HOTSWAP_ABI_MAJOR,                                            \
			.abi_minor = HOTSWAP_ABI_MINOR,                                            \
			.name = card_name,                                                         \
			.version = card_version,                                                   \
			__VA_ARGS__}

#define HOTSWAP_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what a card may ask of the board ---- */

/* Line `line` of those leased, to `level`. */
void hotswap_irq(uint32_t line, uint32_t level);
void hotswap_drq(uint32_t line, uint32_t level);

/* Machine time in ns; stands still while the machine does. */
uint64_t hotswap_now(void);
/* Call timer(timer) at machine time `at` ns; 0 stops it. The deadline is part of the state. */
void hotswap_timer(uint32_t timer, uint64_t at);

/* Call work(what, argument) soon, in the card's own task, with a larger budget. */
void hotswap_post(uint32_t what, uint32_t argument);

/* The back end: bytes out, and as many as there are in. hotswap_get returns how many. */
void hotswap_put(const void *bytes, uint32_t size);
uint32_t hotswap_get(void *to, uint32_t size);
/* How many bytes may be put before the back end is behind. After a 0, output() is called when
 * there is room; what is put meanwhile is not lost, it takes memory of the host. */
uint32_t hotswap_room(void);

/* A line for the host's log; `level` as in syslog (3 error, 4 warning, 6 info, 7 debug). */
void hotswap_log(uint32_t level, const char *text);
/* Give up: the card is removed, `text` is in the report. Does not return. */
__attribute__((noreturn)) void hotswap_fail(const char *text);

/* Zeroed memory of the card's own, at most what its memory limit leaves; 0 when there is none.
 * It is not given back before the card is removed. */
void *hotswap_alloc(uint32_t size);
/* `block` is part of the state under the number `id`: saved and carried, as the data sections. */
void hotswap_keep(uint32_t id, void *block, uint32_t size);

/* In plugged(): memory in one of the card's windows that guest and card share, e.g. video RAM.
 * It is part of the state. 0 where it cannot be had. plugged() is called again after RESET, and
 * gets the same memory for the same place. */
void *hotswap_map_ram(uint32_t address, uint32_t size);
/* What the monitor on this card shows: `bits` 8 (R3G3B2), 15, 16 or 32 a pixel. */
void hotswap_screen(const void *pixels, uint32_t width, uint32_t height, uint32_t stride,
		    uint32_t bits);

/* Bus master: the machine's memory. Returns how many bytes there were. */
uint32_t hotswap_memory_get(uint32_t address, void *to, uint32_t size);
uint32_t hotswap_memory_put(uint32_t address, const void *from, uint32_t size);

#ifdef __cplusplus
}
#endif

#endif
