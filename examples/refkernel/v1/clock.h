/* v1: the time. */
#ifndef CLOCK_H
#define CLOCK_H
#include <stdint.h>

struct clock {
    uint64_t ticks;
    uint64_t boot_ns;     /* now() at boot */
    int64_t real_offset;  /* wall clock = now() + this */
    uint32_t switches;
    uint64_t generation;  /* maps written */
};
#endif
