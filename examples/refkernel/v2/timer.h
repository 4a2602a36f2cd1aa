/* v2: one list of all armed timers, and nothing in their owners. */
#ifndef TIMER_H
#define TIMER_H
#include <stdint.h>

/* One armed timer in the list of all, the next to expire first. */
struct timer {
    struct timer *next;
    uint32_t owner;
    uint16_t kind;
    uint64_t period, deadline;
};

#define TIMERS_OF_PROC
#define TIMERS_OF_FILE
#endif
