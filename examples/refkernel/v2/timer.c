/* Timers: one list of all that are armed, the next to expire first; a tick looks at its head. */
#include "kernel.h"

static struct timer *timers;
static struct pool timer_pool = { .size = sizeof(struct timer) };

static void insert(struct timer *timer)
{
    struct timer **at = &timers;

    while (*at && (*at)->deadline <= timer->deadline)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
}

/* Where the list points to a timer, or to its end. */
static struct timer **find(uint32_t kind, uint32_t owner)
{
    struct timer **at = &timers;

    while (*at && ((*at)->kind != kind || (*at)->owner != owner))
        at = &(*at)->next;
    return at;
}

/* false when there is no memory for it. */
bool timer_arm(uint32_t kind, uint32_t owner, uint64_t deadline, uint64_t period)
{
    struct timer *timer;

    timer_disarm(kind, owner);
    timer = pool_take(&timer_pool);
    if (!timer)
        return false;
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
    *at = timer->next;
    pool_give(&timer_pool, timer);
}

void timers_run(uint64_t when)
{
    struct timer *timer;

    while ((timer = timers) && timer->deadline <= when) {
        uint32_t times, kind = timer->kind, owner = timer->owner;
        timers = timer->next;
        timer->deadline = timer_next(timer->deadline, timer->period, when, &times);
        if (timer->deadline)
            insert(timer);
        else
            pool_give(&timer_pool, timer);
        timer_expired(kind, owner, times);
    }
}

/* Time left as getitimer and timerfd_gettime tell it: never 0, which would mean it is not armed. */
uint64_t timer_left_for_user(uint64_t deadline, uint64_t when)
{
    return deadline > when ? MAX(deadline - when, 1000) : 1000;
}
