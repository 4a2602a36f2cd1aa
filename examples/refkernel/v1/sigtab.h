/* v1: what a process wants done at signals, and what those that wait for it tell. */
#ifndef SIGTAB_H
#define SIGTAB_H
#include <stdint.h>
#include "param.h"
#include "task.h"

struct sigact { uint32_t handler, flags, restorer; uint64_t mask; };

struct sigtable { struct sigact action[64]; };

/* In the order they came. */
struct sigqueue { uint32_t count; struct siginfo info[NQUEUED]; };

#define SIGNALS_OF_PROC \
    struct sigtable *sig;    /* none: all at their default */ \
    struct sigqueue *sigqueue; /* none: nothing but sig_pending */
#endif
