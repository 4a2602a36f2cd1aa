/* Timers: a wheel, whose slots are lists of those that expire within some 4 ms, modulo 1 s. A tick
   looks at the slots between the one before and itself; owners find theirs by another table. */
#include "kernel.h"

enum { SLOTS = 256, SLOT_SHIFT = 22 }; /* 2^22 ns */

static struct timer *slots[SLOTS], *owners[SLOTS];
static uint64_t ran; /* the slot timers_run() has looked at last, not modulo anything */
static struct pool timer_pool = { .size = sizeof(struct timer) };

static void insert(struct timer *timer)
{
    struct timer **at = &slots[timer->deadline >> SLOT_SHIFT & (SLOTS - 1)];

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

static void take_out(struct timer *timer)
{
    struct timer **at = &slots[timer->deadline >> SLOT_SHIFT & (SLOTS - 1)];

    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
}

/* Where its owner's list points to a timer, or to its end. */
static struct timer **find(uint32_t kind, uint32_t owner)
{
    struct timer **at = &owners[(owner + kind * 64) % SLOTS];

    while (*at && ((*at)->kind != kind || (*at)->owner != owner))
        at = &(*at)->kin;
    return at;
}

/* false when there is no memory for it. */
bool timer_arm(uint32_t kind, uint32_t owner, uint64_t deadline, uint64_t period)
{
    struct timer **at, *timer;

    timer_disarm(kind, owner);
    timer = pool_take(&timer_pool);
    if (!timer)
        return false;
    at = find(kind, owner);
    *at = timer;
    timer->kind = (uint16_t)kind;
    timer->owner = owner;
    timer->deadline = deadline;
    timer->period = period;
    insert(timer);
    return true;
}

/* false when it is not armed; period may be 0. */
bool timer_read(uint32_t kind, uint32_t owner, uint64_t *deadline, uint64_t *period)
{
    struct timer *timer = *find(kind, owner);

    if (!timer)
        return false;
    *deadline = timer->deadline;
    if (period)
        *period = timer->period;
    return true;
}

void timer_disarm(uint32_t kind, uint32_t owner)
{
    struct timer **at = find(kind, owner), *timer = *at;

    if (!timer)
        return;
    take_out(timer);
    *at = timer->kin;
    pool_give(&timer_pool, timer);
}

static void run_slot(struct timer **slot, uint64_t when)
{
    struct timer *timer;

    while ((timer = *slot) && timer->deadline <= when) {
        uint32_t times, kind = timer->kind, owner = timer->owner;
        uint64_t next = timer_next(timer->deadline, timer->period, when, &times);
        if (next) {
            take_out(timer);
            timer->deadline = next;
            insert(timer);
        } else {
            timer_disarm(kind, owner);
        }
        timer_expired(kind, owner, times);
    }
}

void timers_run(uint64_t when)
{
    uint64_t last = when >> SLOT_SHIFT;

    if (last - ran >= SLOTS)
        ran = last - (SLOTS - 1);
    for (; ran < last; ran++)
        run_slot(&slots[ran & (SLOTS - 1)], when);
    run_slot(&slots[last & (SLOTS - 1)], when);
}

/* Time left as getitimer and timerfd_gettime tell it: never 0, which would mean it is not armed. */
uint64_t timer_left_for_user(uint64_t deadline, uint64_t when)
{
    return deadline > when ? MAX(deadline - when, 1000) : 1000;
}
