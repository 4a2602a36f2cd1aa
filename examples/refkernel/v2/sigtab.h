/* v2: what a process wants done at signals, and what those that wait for it tell. */
#ifndef SIGTAB_H
#define SIGTAB_H
#include <stdint.h>
#include "task.h"

/* Only actions other than the default exist. */
struct sigact {
    uint64_t mask;
    struct sigact *next;
    uint32_t flags, handler, restorer;
    uint8_t signo;
};

/* In the order they came. */
struct queued { struct queued *next; struct siginfo info; };

#define SIGNALS_OF_PROC \
    struct queued *sigqueue; \
    struct sigact *actions;
#endif
