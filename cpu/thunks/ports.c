/*
 * IN and OUT on their way to the bus unit.
 *
 * Unicorn lets every program use every port. Here ring 3 and VM86 get their #GP again, unless IOPL
 * or the TSS's I/O permission bit map says otherwise. EIP is that of the instruction: the engine
 * has restored it for the hook.
 *
 * Latches are answered here, without Python. P.latches has a cell for every port and some behind
 * them, as bus/latches.py describes them.
 */
#include "thunks.h"

enum {
    LATCH = 0x100, STORED = 0x200, ERA_SHIFT = 16,
    ERA = 0x10000, STORES, MOST_STORES = 16,
};

static void check(u32 port, int width)
{
    u32 hflags = *P.hflags;
    u64 eflags = *P.eflags;       /* VM and IOPL are not in hflags */

    if ((hflags & HF_PE) &&
        ((eflags & EFLAGS_VM) || (hflags & HF_CPL) > (eflags >> EFLAGS_IOPL_SHIFT & 3)))
        (width == 1 ? P.check_io8 : width == 2 ? P.check_io16 : P.check_io32)(P.env, port);
}

u32 ENTRY(port_in)(void *uc, u32 port, int width, void *user)
{
    u64 *cells = P.latches, *cell = cells + (port & 0xffff);
    u32 value;

    check(port, width);
    if (width == 1 && ((*cell & STORED) || *cell >> ERA_SHIFT == cells[ERA]))
        return *cell & 0xff;
    cells[ERA]++;
    value = P.read_port(cells[STORES], port, width);
    if (width == 1 && (*cell & LATCH))
        *cell = cells[ERA] << ERA_SHIFT | LATCH | (value & 0xff);
    return value;
}

void ENTRY(port_out)(void *uc, u32 port, int width, u32 value, void *user)
{
    u64 *cells = P.latches, *cell = cells + (port & 0xffff);

    check(port, width);
    cells[ERA]++;
    if (width == 1 && (*cell & STORED)) {
        *cell = LATCH | STORED | (value & 0xff);
    } else if (width == 1 && (*cell & LATCH) && cells[STORES] < MOST_STORES) {
        *cell = LATCH | STORED | (value & 0xff);
        cells[STORES + 1 + cells[STORES]++] = port;
    } else {
        P.write_port(cells[STORES], port, width, value);
    }
}
