/*
 * IN and OUT on their way to the bus unit.
 *
 * Unicorn lets every program use every port. Here ring 3 and VM86 get their #GP again, unless IOPL
 * or the TSS's I/O permission bit map says otherwise. EIP is that of the instruction: the engine
 * has restored it for the hook.
 */
#include "thunks.h"

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
    check(port, width);
    return P.read_port(uc, port, width);
}

void ENTRY(port_out)(void *uc, u32 port, int width, u32 value, void *user)
{
    check(port, width);
    P.write_port(uc, port, width, value);
}
