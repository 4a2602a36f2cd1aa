/*
 * Stands in for tb_gen_code while a TranslationMeter is on: how many blocks the engine translates,
 * and the host's time that takes. One that ends by a fault while fetching is not counted.
 */
#include "thunks.h"

struct timespec { s64 seconds, nanoseconds; };

enum { CLOCK_MONOTONIC = 1 };

static s64 now(void)
{
    struct timespec time;

    P.clock_gettime(CLOCK_MONOTONIC, &time);
    return time.seconds * 1000000000 + time.nanoseconds;
}

void *ENTRY(translate)(void *cs, u64 pc, u64 cs_base, u32 flags, int cflags)
{
    s64 began = now();
    void *block = P.translate(cs, pc, cs_base, flags, cflags);

    P.translation_ns += now() - began;
    P.translations++;
    return block;
}
