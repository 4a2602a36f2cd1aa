/*
 * No guest ends the host: where the engine would, an instruction, a block or the guest ends.
 *
 * gave_up() stands in for abort(), which the engine calls where it finds itself in a case its authors
 * thought impossible. Guests get it there: LOCK BTS of a register cannot be translated, an interrupt
 * from ring 3 without a TSS cannot be delivered.
 *
 * new_temp() stands in for tcg_temp_new_internal: the engine takes temporaries for a block from an
 * array of 512 without looking whether there is one left, and writes on behind it. Most instructions
 * give theirs back, those of the x87 do not, so that some 230 of them in a row are too many.
 *
 * All entries serve all engines of the process.
 */
#include "thunks.h"

/* Stands in for tb_gen_code: notes that a block is being translated, and that it has been. */
void *ENTRY(translating)(void *cs, u64 pc, u64 cs_base, u32 flags, int cflags)
{
    struct params *engine = P.running;
    void *block;

    if (!engine || engine->cs != cs)
        return P.translate(cs, pc, cs_base, flags, cflags);
    engine->translating = cflags & CF_COUNT_MASK ? cflags & CF_COUNT_MASK : CF_COUNT_MASK;
    block = P.translate(cs, pc, cs_base, flags, cflags);
    engine->translating = 0;
    if (engine->translated)
        engine->translated(block);
    return block;
}

/* TCGContext, as cpu/aborts.py has checked */
struct translation { u8 pool[0x30]; int temps, indirects, ops; };
enum { CROWDED = 384, TOO_MANY = 1 << 16 };

void *ENTRY(new_temp)(struct translation *translation, int type, u8 local)
{
    if (translation->temps >= CROWDED)
        translation->ops |= TOO_MANY; /* 4000 end the block behind this instruction */
    return P.new_temp(translation, type, local);
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
