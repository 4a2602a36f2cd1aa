/* v1: a deadline in the object that waits for it. */
#ifndef TIMER_H
#define TIMER_H
#include <stdint.h>

/* A deadline in the object that waits for it; 0: not armed. */
struct alarm { uint64_t deadline, period; };

#define TIMERS_OF_PROC struct alarm sleep, itimer;
#define TIMERS_OF_FILE struct alarm alarm;
#endif
