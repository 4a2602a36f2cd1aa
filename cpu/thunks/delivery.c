/*
 * Exceptions, INT n and external interrupts, delivered by the engine's own code.
 */
#include "thunks.h"

/* UC_HOOK_INTR: every exception and INT n. The engine has moved EIP past an INT; put it back, so
 * that a fault in the delivery (no such gate, its DPL) names the INT itself. */
void ENTRY(exception)(void *uc, u32 vector, void *user)
{
    enum { INT1 = 0xF1 };

    if (vector == EXCP_UD && !*P.exception_is_int &&
        P.fetch(P.env, (u32)(*P.eip + *P.cs_base)) == INT1) {
        *P.exception_index = vector = EXCP_DB; /* the engine does not know it */
        *P.eip += 1;
        P.count++;                /* a trap: it has retired */
    }
    /* A program that faults at its first instruction, and so on for ever, takes time as well. */
    P.count += P.count == P.delivered_at;
    P.delivered_at = P.count;
    if (P.exact)
        *P.cflags_next_tb = P.exact;
    *P.eflags &= ~P.no_flags;
    if (*P.exception_is_int) {
        *P.eip = P.int_eip;
        P.delivering = SOFTWARE;
    } else {
        P.delivering = EXTERNAL;
        if (vector == EXCP_DB)
            P.dr[7] &= ~(u64)DR7_GD;
        /* A fault comes back to its instruction, whose breakpoint must not stop it again. */
        if ((P.dr[7] & DR7_ENABLED) && vector != EXCP_DB && vector != EXCP_DF)
            *P.eflags |= EFLAGS_RF;
    }
    P.deliver_exception(P.cs);
    P.delivering = NOTHING;
}

/* Stands in for CPUClass.cpu_exec_interrupt: called between blocks while a request is pending. INTR
 * takes its vector from P; clearing the request is INTA. */
u8 ENTRY(external)(void *cs, int request)
{
    int nmi = (request & CPU_INTERRUPT_NMI) && !(*P.hflags2 & HF2_NMI);

    P.last = 0;
    if (*P.hflags & HF_INHIBIT_IRQ)
        request &= ~CPU_INTERRUPT_NMI;
    else if (!nmi && interrupts_now(request)) {
        *P.interrupt_request &= ~CPU_INTERRUPT_HARD;
        *P.eflags &= ~P.no_flags;
        P.delivering = EXTERNAL;
        P.deliver_external(P.env, P.vector, 1);
        P.delivering = NOTHING;
        return 1;
    }
    return P.exec_interrupt(cs, request & ~CPU_INTERRUPT_HARD);
}

/* UC_HOOK_INSN on an instruction this model of processor does not have. */
int ENTRY(undefined)(void *uc, void *user)
{
    P.raise_exception(P.env, 6);
    return 1;                     /* not reached: it leaves by siglongjmp */
}
