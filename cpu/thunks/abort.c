/*
 * An assertion of the engine that fails ends an instruction or the guest, not the host.
 *
 * gave_up() stands in for abort(), which the engine calls where it finds itself in a case its authors
 * thought impossible. Guests get it there: LOCK BTS of a register cannot be translated, an interrupt
 * from ring 3 without a TSS cannot be delivered. Both entries serve all engines of the process.
 */
#include "thunks.h"

/* Stands in for tb_gen_code: notes that a block is being translated. */
void *ENTRY(translating)(void *cs, u64 pc, u64 cs_base, u32 flags, int cflags)
{
    struct params *engine = P.running;
    void *block;

    if (!engine)
        return P.translate(cs, pc, cs_base, flags, cflags);
    engine->translating = cflags & CF_COUNT_MASK ? cflags & CF_COUNT_MASK : CF_COUNT_MASK;
    block = P.translate(cs, pc, cs_base, flags, cflags);
    engine->translating = 0;
    return block;
}

void ENTRY(gave_up)(void)
{
    struct params *engine = P.running;
    u64 most;

    if (!engine)
        P.abort();
    most = engine->translating;
    engine->translating = 0;
    *engine->exception_index = -1;
    if (most == 1)                /* this is the instruction */
        engine->raise_exception(engine->env, EXCP_UD);
    if (most) {                   /* run what stands in front of it one by one */
        *engine->cflags_next_tb = 1;
        engine->exit_loop(engine->cs);
    }
    engine->gave_up = 1;
    *engine->exception_index = EXCP_INTERRUPT;
    engine->stop(engine->uc);
    engine->exit_loop(engine->cs);
}
