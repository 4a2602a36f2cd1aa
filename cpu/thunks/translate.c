/*
 * Stands in for tb_gen_code while a TranslationMeter is on: how many blocks the engine translates,
 * and the host's time that takes. One that ends by a fault while fetching is not counted.
 */
#include "thunks.h"

void *ENTRY(translate)(void *cs, u64 pc, u64 cs_base, u32 flags, int cflags)
{
    s64 began = now(CLOCK_MONOTONIC);
    void *block = P.translate(cs, pc, cs_base, flags, cflags);

    P.translation_ns += now(CLOCK_MONOTONIC) - began;
    P.translations++;
    return block;
}
