/* v2: a wheel of all armed timers, and nothing in their owners. */
#ifndef TIMER_H
#define TIMER_H
#include <stdint.h>

/* One armed timer: in the list of its slot, the next to expire first, and in one of its owner's. */
struct timer {
    struct timer *next;
    struct timer *kin;
    uint32_t owner;
    uint16_t kind;
    uint64_t period, deadline;
};

#define TIMERS_OF_PROC
#define TIMERS_OF_FILE
#endif
