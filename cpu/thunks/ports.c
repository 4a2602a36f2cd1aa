/*
 * IN and OUT on their way to the bus unit.
 *
 * Unicorn lets every program use every port. Here ring 3 and VM86 get their #GP again, unless IOPL
 * or the TSS's I/O permission bit map says otherwise. EIP is that of the instruction: the engine
 * has restored it for the hook.
 *
 * Latches and the words of a burst are answered here, without Python. P.latches has a cell for every
 * port and some behind them, as bus/latches.py and bus/burst.py describe them. The cycle in
 * front of a burst has begun an era and settled what was stored, so that no latch is good while it
 * is under way; none is stored to then, either, and any other cycle goes to Python and ends it.
 */
#include "thunks.h"

enum {
    LATCH = 0x100, STORED = 0x200, ERA_SHIFT = 16,
    ERA = 0x10000, STORES, MOST_STORES = 16,
    PENDING = STORES + 1 + MOST_STORES, OFFER, SIZE, BURST, MOVED, WORDS,
    WIDTH_SHIFT = 16, WRITE = 1 << 20,
};

#define WIDE (1ull << 63)

/* A cell with nothing in it but what kind of latch it is. */
static u64 empty(u64 cell)
{
    return cell & (WIDE | LATCH);
}

static int fits(u64 cell, int width)
{
    return width == (cell & WIDE ? 4 : 1);
}

static u64 stored(u64 cell, u32 value)
{
    return empty(cell) | STORED | (cell & WIDE ? (u64)value << ERA_SHIFT : value & 0xff);
}

static void check(u32 port, int width)
{
    u32 hflags = *P.hflags;
    u64 eflags = *P.eflags;       /* VM and IOPL are not in hflags */

    if ((hflags & HF_PE) &&
        ((eflags & EFLAGS_VM) || (hflags & HF_CPL) > (eflags >> EFLAGS_IOPL_SHIFT & 3)))
        (width == 1 ? P.check_io8 : width == 2 ? P.check_io16 : P.check_io32)(P.env, port);
}

/* The next word of the burst, or 0 when the cycle is not of it. */
static u8 *next_word(u64 *cells, u64 cycle, u32 width)
{
    u8 *word = (u8 *)(cells + WORDS) + cells[MOVED];

    if (cells[BURST] != cycle || cells[MOVED] + width > cells[SIZE])
        return 0;
    cells[MOVED] += width;
    return word;
}

/* A cycle that went to Python is done: what its card has offered with it is a burst now. */
static void begin_burst(u64 *cells, u64 cycle)
{
    cells[BURST] = cells[OFFER] == cycle ? cycle : 0;
    cells[PENDING] |= cells[BURST];
}

u32 ENTRY(port_in)(void *uc, u32 port, int width, void *user)
{
    u64 *cells = P.latches, *cell = cells + (port & 0xffff);
    u64 cycle = width << WIDTH_SHIFT | (port & 0xffff);
    u32 value = 0;
    u8 *word;

    check(port, width);
    if (width == 1 && *cell >> ERA_SHIFT == cells[ERA])
        return *cell & 0xff;
    if ((*cell & STORED) && fits(*cell, width))
        return *cell & WIDE ? *cell >> ERA_SHIFT : *cell & 0xff;
    if ((word = next_word(cells, cycle, width))) {
        for (int byte = 0; byte < width; byte++)
            value |= (u32)word[byte] << 8 * byte;
        return value;
    }
    cells[ERA]++;
    cells[OFFER] = 0;
    value = P.read_port(cells[PENDING], port, width);
    begin_burst(cells, cycle);
    if (width == 1 && empty(*cell) == LATCH)
        *cell = cells[ERA] << ERA_SHIFT | LATCH | (value & 0xff);
    return value;
}

void ENTRY(port_out)(void *uc, u32 port, int width, u32 value, void *user)
{
    u64 *cells = P.latches, *cell = cells + (port & 0xffff);
    u64 cycle = WRITE | width << WIDTH_SHIFT | (port & 0xffff);
    u8 *word;

    check(port, width);
    if ((word = next_word(cells, cycle, width))) {
        for (int byte = 0; byte < width; byte++)
            word[byte] = value >> 8 * byte;
        return;
    }
    cells[ERA]++;
    if ((*cell & STORED) && fits(*cell, width)) {
        *cell = stored(*cell, value);
    } else if ((*cell & LATCH) && fits(*cell, width) && !cells[BURST] &&
               cells[STORES] < MOST_STORES) {
        *cell = stored(*cell, value);
        cells[STORES + 1 + cells[STORES]++] = port;
        cells[PENDING] = 1;
    } else {
        cells[OFFER] = 0;
        P.write_port(cells[PENDING], port, width, value);
        begin_burst(cells, cycle);
    }
}
