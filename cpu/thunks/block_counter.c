/*
 * Exact instruction counts, and stops that lose and repeat nothing.
 *
 * block() is a UC_HOOK_BLOCK: the engine calls it at the start of every translated block, before
 * the block's own test for a pending exit. It adds the block's length beforehand; should the block
 * not run to its end (a fault, a store into its own code), uncount() takes the rest off again.
 */
#include "thunks.h"

void ENTRY(block)(void *uc, u64 pc, u32 size, void *user)
{
    u64 at;

    if (*P.icount_decr < 0) {     /* the engine leaves the chain here: this block does not run */
        P.last = 0;
        return;
    }
    if (P.count >= P.limit) {
        P.last = 0;
        P.stop(uc);
        return;
    }
    /* `sti; ret` chains on without looking at INTR: have the engine look now. */
    if ((*P.interrupt_request & CPU_INTERRUPT_HARD) && (*P.eflags & EFLAGS_IF) &&
        !(*P.hflags & HF_INHIBIT_IRQ)) {
        P.last = 0;
        ((volatile u16 *)P.icount_decr)[1] = 0xffff;
        return;
    }
    /* The call stands near the start of the block's code, and the TranslationBlock before it. */
    at = (u64)__builtin_return_address(0) & -P.align;
    while ((u64)((struct block *)(at - P.header))->code != at)
        at -= P.align;
    P.last = (struct block *)(at - P.header);
    P.count += P.last->icount;
}

static s64 sleb128(const u8 **from)
{
    const u8 *p = *from;
    u64 value = 0;
    int shift = 0;
    u8 byte;

    do {
        byte = *p++;
        value |= (u64)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && (byte & 0x40))
        value |= -1ul << shift;
    *from = p;
    return (s64)value;
}

/* P.last ended before its end, at EIP: take what did not run off the count. */
static void uncount(void)
{
    const u8 *p = P.last->code + P.last->code_size;
    u64 pc = P.last->pc, stopped = *P.eip + *P.cs_base;
    u32 i;

    for (i = 0; i < P.last->icount; i++) {
        pc += sleb128(&p);        /* where the instruction starts */
        sleb128(&p);              /* cc_op there */
        sleb128(&p);              /* host address */
        if (pc == stopped) {
            P.count -= P.last->icount - i;
            return;
        }
    }
}

/*
 * Stands in for uc_struct.stop_interrupt: the engine asks it, at each entry of its main loop and
 * after every exception, whether this exception ends the run (it would, for #UD). The answer is
 * never; the time is right, EIP being still that of the instruction, to settle the count and to
 * note where an INT n stands.
 */
u8 ENTRY(main_loop)(void *uc, int exception)
{
    u64 linear, i;

    P.int_eip = *P.eip;
    if (P.delivering == SOFTWARE) /* the delivery itself faulted: the INT has not retired */
        P.count--;
    else if (P.delivering == EXTERNAL && exception >= EXCP_TS && exception < EXCP_PF)
        *P.error_code |= 1;       /* EXT: no instruction of the program is to blame */
    P.delivering = NOTHING;
    if (exception == EXCP_DEBUG) {
        /* An instruction breakpoint. The engine would compare DR0-3 with EIP whatever CS's base is
         * and, finding none, spin for ever: make it the #DB it is here. */
        if (P.last)
            uncount();
        P.last = 0;
        linear = (u32)(*P.eip + *P.cs_base);
        P.dr[6] &= ~0xful;
        for (i = 0; i < 4; i++)
            if ((P.dr[7] >> 2 * i & 3) && !(P.dr[7] >> (16 + 4 * i) & 3) && (u32)P.dr[i] == linear)
                P.dr[6] |= 1 << i;
        *P.exception_index = EXCP_DB;
        *P.exception_is_int = 0;
        *P.error_code = 0;
    }
    if (exception == EXCP_MF && !(*P.cr0 & CR0_NE)) {
        /* FERR#. The chip waits in front of the instruction for an interrupt: end the slice. */
        P.ferr = 1;
        *P.exception_index = EXCP_INTERRUPT;
        P.stop(uc);
    }
    /* Any other #DB is a trap, raised after its instruction; INT n has retired too. */
    if (P.last && exception < EXCP_INTERRUPT && exception != EXCP_DB &&
        !(exception >= 0 && *P.exception_is_int))
        uncount();
    P.last = 0;
    return 0;
}
