/* System calls about time. A sleep is a timer of the process; it is never early. */
#include "calls.h"

struct abi_timespec timespec_of(uint64_t ns)
{
    return (struct abi_timespec){ (int32_t)(ns / NS_PER_S), (int32_t)(ns % NS_PER_S) };
}

static struct abi_timeval timeval_of(uint64_t ns)
{
    return (struct abi_timeval){ (int32_t)(ns / NS_PER_S), (int32_t)(ns % NS_PER_S / 1000) };
}

/* false when it is no time. */
bool timespec_in(uint32_t at, uint64_t *ns)
{
    struct abi_timespec ts;

    if (copy_in(&ts, at, sizeof ts) || ts.sec < 0 || ts.nsec < 0 || ts.nsec >= (int32_t)NS_PER_S)
        return false;
    *ns = (uint64_t)ts.sec * NS_PER_S + (uint32_t)ts.nsec;
    return true;
}

int sys_time(struct proc *p, const uint32_t a[6])
{
    uint32_t seconds = (uint32_t)(real_time() / NS_PER_S);

    (void)p;
    if (a[0] && copy_out(a[0], &seconds, sizeof seconds))
        return -EFAULT;
    return (int)seconds;
}

int sys_gettimeofday(struct proc *p, const uint32_t a[6])
{
    struct abi_timeval tv = timeval_of(real_time());
    uint32_t zone[2] = { 0, 0 };

    (void)p;
    if ((a[0] && copy_out(a[0], &tv, sizeof tv)) || (a[1] && copy_out(a[1], zone, sizeof zone)))
        return -EFAULT;
    return 0;
}

/* The time of a clock; false when there is no such clock. Monotonic time begins at boot. */
static bool read_clock(uint32_t id, uint64_t *ns)
{
    switch (id) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE:
        *ns = real_time();
        return true;
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = uptime();
        return true;
    default:
        return false;
    }
}

int sys_clock_gettime(struct proc *p, const uint32_t a[6])
{
    struct abi_timespec ts;
    uint64_t ns;

    (void)p;
    if (!read_clock(a[0], &ns))
        return -EINVAL;
    ts = timespec_of(ns);
    return copy_out(a[1], &ts, sizeof ts);
}

int sys_clock_getres(struct proc *p, const uint32_t a[6])
{
    struct abi_timespec ts = timespec_of(sc_present() ? 1 : NS_PER_TICK);
    uint64_t ns;

    (void)p;
    if (!read_clock(a[0], &ns))
        return -EINVAL;
    return a[1] ? copy_out(a[1], &ts, sizeof ts) : 0;
}

int sys_times(struct proc *p, const uint32_t a[6])
{
    struct abi_tms tms = { .utime = (uint32_t)(p->utime_ns / (NS_PER_S / USER_HZ)),
                           .stime = (uint32_t)(p->stime_ns / (NS_PER_S / USER_HZ)) };

    if (a[0] && copy_out(a[0], &tms, sizeof tms))
        return -EFAULT;
    return (int)(uptime() / (NS_PER_S / USER_HZ));
}

/* First the timer; run again on waking, until it is no longer armed. */
static int sleep_until(struct proc *p, uint64_t deadline)
{
    uint64_t armed;

    if (p->wait.restart_nr) {
        if (!timer_read(SSM_TIMER_SLEEP, p->pid, &armed, 0))
            return 0;
    } else {
        if (deadline <= now())
            return 0;
        if (!timer_arm(SSM_TIMER_SLEEP, p->pid, deadline, 0))
            return -ENOMEM;
    }
    proc_block(p, SSM_WAIT_SLEEP, 0);
    return BLOCKED;
}

int sys_nanosleep(struct proc *p, const uint32_t a[6])
{
    uint64_t ns;

    if (!timespec_in(a[0], &ns))
        return user_ok(a[0], sizeof(struct abi_timespec), false) ? -EINVAL : -EFAULT;
    return sleep_until(p, now() + ns);
}

int sys_clock_nanosleep(struct proc *p, const uint32_t a[6])
{
    uint64_t ns, reading;

    if (!read_clock(a[0], &reading) || !timespec_in(a[2], &ns))
        return -EINVAL;
    if (a[1] & TIMER_ABSTIME)
        ns = ns > reading ? ns - reading : 0;
    return sleep_until(p, now() + ns);
}

/* An interrupted sleep: what is left of it, into the program's memory. */
void nanosleep_left(struct proc *p, uint32_t nr)
{
    uint32_t to = nr == NR_nanosleep ? p->frame.ecx : p->frame.esi;
    uint64_t deadline = 0, when = now();
    struct abi_timespec left;

    if (!to || (nr == NR_clock_nanosleep && (p->frame.ecx & TIMER_ABSTIME)))
        return;
    timer_read(SSM_TIMER_SLEEP, p->pid, &deadline, 0);
    left = timespec_of(deadline > when ? deadline - when : 0);
    copy_out(to, &left, sizeof left);
}

static struct abi_itimerval read_itimer(struct proc *p)
{
    uint64_t deadline, period;

    if (!timer_read(SSM_TIMER_ITIMER_REAL, p->pid, &deadline, &period))
        return (struct abi_itimerval){ { 0, 0 }, { 0, 0 } };
    return (struct abi_itimerval){ timeval_of(period),
                                   timeval_of(timer_left_for_user(deadline, now())) };
}

int sys_getitimer(struct proc *p, const uint32_t a[6])
{
    struct abi_itimerval value = read_itimer(p);

    return a[0] == ITIMER_REAL ? copy_out(a[1], &value, sizeof value) : -EINVAL;
}

static int set_itimer(struct proc *p, uint64_t value, uint64_t interval)
{
    timer_disarm(SSM_TIMER_ITIMER_REAL, p->pid);
    if (value && !timer_arm(SSM_TIMER_ITIMER_REAL, p->pid, now() + value, interval))
        return -ENOMEM;
    return 0;
}

int sys_setitimer(struct proc *p, const uint32_t a[6])
{
    struct abi_itimerval old = read_itimer(p), it = { { 0, 0 }, { 0, 0 } };

    if (a[0] != ITIMER_REAL)
        return -EINVAL;
    if ((a[1] && copy_in(&it, a[1], sizeof it)) || (a[2] && copy_out(a[2], &old, sizeof old)))
        return -EFAULT;
    if (it.value.sec < 0 || (uint32_t)it.value.usec > 999999 || it.interval.sec < 0
        || (uint32_t)it.interval.usec > 999999)
        return -EINVAL;
    return set_itimer(p, (uint64_t)it.value.sec * NS_PER_S + (uint32_t)it.value.usec * 1000,
                      (uint64_t)it.interval.sec * NS_PER_S + (uint32_t)it.interval.usec * 1000);
}

/* Seconds that were left, rounded up. */
int sys_alarm(struct proc *p, const uint32_t a[6])
{
    uint64_t deadline, left = 0, when = now();

    if (timer_read(SSM_TIMER_ITIMER_REAL, p->pid, &deadline, 0) && deadline > when)
        left = deadline - when;
    if (set_itimer(p, a[0] * NS_PER_S, 0))
        return -ENOMEM;
    return (int)((left + NS_PER_S - 1) / NS_PER_S);
}

/* The deadline after the one that has passed, 0 for none; in *times how many have passed. */
uint64_t timer_next(uint64_t deadline, uint64_t period, uint64_t when, uint32_t *times)
{
    *times = 1;
    if (!period)
        return 0;
    *times += (uint32_t)((when - deadline) / period);
    return deadline + *times * period;
}

void timer_expired(uint32_t kind, uint32_t owner, uint32_t times)
{
    if (kind == SSM_TIMER_TIMERFD) {
        file_find(owner)->offset += times;
        wake_all(SSM_WAIT_TIMER_READ, owner);
    } else if (kind == SSM_TIMER_SLEEP) {
        proc_wake(proc_find(owner));
    } else {
        signal_post(proc_find(owner), SIGALRM);
    }
}
