/* setitimer, getitimer, alarm: a process's timers, in real time and in its own CPU time. The latter
   count down, tick by tick, while it runs. */
#include "calls.h"

static struct abi_itimerval itimerval_of(uint64_t value, uint64_t interval)
{
    return (struct abi_itimerval){ timeval_of(interval), timeval_of(value) };
}

static struct cputimer *cputimer_of(struct proc *p, uint32_t which)
{
    return which == ITIMER_VIRTUAL ? &p->task.virtual : &p->task.prof;
}

static struct abi_itimerval read_itimer(struct proc *p, uint32_t which)
{
    const struct cputimer *timer = cputimer_of(p, which);
    uint64_t deadline, period;

    if (which != ITIMER_REAL)
        return itimerval_of(timer->left, timer->period);
    if (!timer_read(SSM_TIMER_ITIMER_REAL, p->pid, &deadline, &period))
        return itimerval_of(0, 0);
    return itimerval_of(timer_left_for_user(deadline, now()), period);
}

static int set_itimer(struct proc *p, uint32_t which, uint64_t value, uint64_t interval)
{
    if (which != ITIMER_REAL) {
        *cputimer_of(p, which) = (struct cputimer){ .left = value, .period = interval };
        return 0;
    }
    timer_disarm(SSM_TIMER_ITIMER_REAL, p->pid);
    if (value && !timer_arm(SSM_TIMER_ITIMER_REAL, p->pid, now() + value, interval))
        return -ENOMEM;
    return 0;
}

int sys_getitimer(struct proc *p, const uint32_t a[6])
{
    struct abi_itimerval value;

    if (a[0] > ITIMER_PROF)
        return -EINVAL;
    value = read_itimer(p, a[0]);
    return copy_out(a[1], &value, sizeof value);
}

static bool is_time(const struct abi_timeval *tv)
{
    return tv->sec >= 0 && (uint32_t)tv->usec <= 999999;
}

static uint64_t ns_of(const struct abi_timeval *tv)
{
    return (uint64_t)tv->sec * NS_PER_S + (uint32_t)tv->usec * 1000;
}

int sys_setitimer(struct proc *p, const uint32_t a[6])
{
    struct abi_itimerval old, it = { { 0, 0 }, { 0, 0 } };

    if (a[0] > ITIMER_PROF)
        return -EINVAL;
    old = read_itimer(p, a[0]);
    if (a[1] && copy_in(&it, a[1], sizeof it))
        return -EFAULT;
    if (!is_time(&it.value) || !is_time(&it.interval))
        return -EINVAL;
    if (a[2] && copy_out(a[2], &old, sizeof old))
        return -EFAULT;
    return set_itimer(p, a[0], ns_of(&it.value), ns_of(&it.interval));
}

/* Seconds that were left, rounded up. */
int sys_alarm(struct proc *p, const uint32_t a[6])
{
    uint64_t deadline, left = 0, when = now();

    if (timer_read(SSM_TIMER_ITIMER_REAL, p->pid, &deadline, 0) && deadline > when)
        left = deadline - when;
    if (set_itimer(p, ITIMER_REAL, a[0] * NS_PER_S, 0))
        return -ENOMEM;
    return (int)((left + NS_PER_S - 1) / NS_PER_S);
}

static void count_down(struct proc *p, struct cputimer *timer, int signo)
{
    if (!timer->left)
        return;
    if (timer->left > NS_PER_TICK) {
        timer->left -= NS_PER_TICK;
        return;
    }
    timer->left = timer->period;
    signal_post(p, signo);
}

/* p has been charged a tick. */
void cputimers_tick(struct proc *p, bool in_user_mode)
{
    if (in_user_mode)
        count_down(p, &p->task.virtual, SIGVTALRM);
    count_down(p, &p->task.prof, SIGPROF);
}
