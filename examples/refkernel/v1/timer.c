/* Timers: a deadline in the process or file that waits for it; a tick looks at all of them. */
#include "kernel.h"

static struct alarm *alarm_of(uint32_t kind, uint32_t owner)
{
    if (kind == SSM_TIMER_TIMERFD) {
        struct file *file = file_find(owner);
        return file ? &file->alarm : 0;
    }
    struct proc *p = proc_find(owner);
    if (!p)
        return 0;
    return kind == SSM_TIMER_SLEEP ? &p->sleep : &p->itimer;
}

/* false when there is no memory for it. */
bool timer_arm(uint32_t kind, uint32_t owner, uint64_t deadline, uint64_t period)
{
    struct alarm *alarm = alarm_of(kind, owner);

    if (alarm)
        *alarm = (struct alarm){ .deadline = MAX(deadline, 1), .period = period };
    return true;
}

/* false when it is not armed; period may be 0. */
bool timer_read(uint32_t kind, uint32_t owner, uint64_t *deadline, uint64_t *period)
{
    struct alarm *alarm = alarm_of(kind, owner);

    if (!alarm || !alarm->deadline)
        return false;
    *deadline = alarm->deadline;
    if (period)
        *period = alarm->period;
    return true;
}

void timer_disarm(uint32_t kind, uint32_t owner)
{
    struct alarm *alarm = alarm_of(kind, owner);

    if (alarm)
        alarm->deadline = 0;
}

static void run(struct alarm *alarm, uint64_t when, uint32_t kind, uint32_t owner)
{
    uint32_t times = 0;

    if (!alarm->deadline || alarm->deadline > when)
        return;
    alarm->deadline = timer_next(alarm->deadline, alarm->period, when, &times);
    timer_expired(kind, owner, times);
}

void timers_run(uint64_t when)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        run(&p->sleep, when, SSM_TIMER_SLEEP, p->pid);
        run(&p->itimer, when, SSM_TIMER_ITIMER_REAL, p->pid);
    }
    for (struct file *file = file_first(); file; file = file_after(file))
        run(&file->alarm, when, SSM_TIMER_TIMERFD, file->id);
}

/* Time left as getitimer and timerfd_gettime tell it: in whole ticks, which is what we count in. */
uint64_t timer_left_for_user(uint64_t deadline, uint64_t when)
{
    uint64_t left = deadline > when ? deadline - when : 0;

    return left / NS_PER_TICK * NS_PER_TICK;
}
