/* System calls about time. A sleep is a timer of the process; it is never early. */
#include "calls.h"

struct abi_timespec timespec_of(uint64_t ns)
{
    return (struct abi_timespec){ (int32_t)(ns / NS_PER_S), (int32_t)(ns % NS_PER_S) };
}

struct abi_timeval timeval_of(uint64_t ns)
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
static bool read_clock(const struct proc *p, uint32_t id, uint64_t *ns)
{
    switch (id) {
    case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE:
        *ns = real_time();
        return true;
    case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
        *ns = uptime();
        return true;
    case CLOCK_PROCESS_CPUTIME_ID: case CLOCK_THREAD_CPUTIME_ID:
        *ns = p->utime_ns + p->stime_ns;
        return true;
    default:
        return false;
    }
}

static int set_real_time(const struct proc *p, int32_t seconds, uint32_t ns)
{
    if (p->task.user.effective)
        return -EPERM;
    if (seconds < 0)
        return -EINVAL;
    clock.real_offset = (int64_t)((uint64_t)seconds * NS_PER_S + ns - now());
    return 0;
}

int sys_clock_gettime(struct proc *p, const uint32_t a[6])
{
    struct abi_timespec ts;
    uint64_t ns;

    if (!read_clock(p, a[0], &ns))
        return -EINVAL;
    ts = timespec_of(ns);
    return copy_out(a[1], &ts, sizeof ts);
}

int sys_clock_getres(struct proc *p, const uint32_t a[6])
{
    struct abi_timespec ts = timespec_of(sc_present() ? 1 : NS_PER_TICK);
    uint64_t ns;

    if (!read_clock(p, a[0], &ns))
        return -EINVAL;
    return a[1] ? copy_out(a[1], &ts, sizeof ts) : 0;
}

int sys_stime(struct proc *p, const uint32_t a[6])
{
    int32_t seconds;

    if (copy_in(&seconds, a[0], sizeof seconds))
        return -EFAULT;
    return set_real_time(p, seconds, 0);
}

int sys_settimeofday(struct proc *p, const uint32_t a[6])
{
    struct abi_timeval tv;

    if (!a[0])
        return p->task.user.effective ? -EPERM : 0; /* the zone is the library's business */
    if (copy_in(&tv, a[0], sizeof tv))
        return -EFAULT;
    return (uint32_t)tv.usec > 999999 ? -EINVAL : set_real_time(p, tv.sec, (uint32_t)tv.usec * 1000);
}

int sys_clock_settime(struct proc *p, const uint32_t a[6])
{
    struct abi_timespec ts;

    if (a[0] != CLOCK_REALTIME)
        return -EINVAL;
    if (copy_in(&ts, a[1], sizeof ts))
        return -EFAULT;
    return (uint32_t)ts.nsec >= NS_PER_S ? -EINVAL : set_real_time(p, ts.sec, (uint32_t)ts.nsec);
}

/* The wait remembers the time it ends; run again on waking, until that has come. */
static int sleep_until(struct proc *p, uint64_t deadline)
{
    if (!p->wait.restart_nr)
        p->wait.deadline = deadline;
    if (p->wait.deadline <= now()) {
        timer_disarm(SSM_TIMER_SLEEP, p->pid);
        return 0;
    }
    if (!timer_arm(SSM_TIMER_SLEEP, p->pid, p->wait.deadline, 0))
        return -ENOMEM;
    proc_block(p, SSM_WAIT_SLEEP, 0);
    return BLOCKED;
}

int sys_nanosleep(struct proc *p, const uint32_t a[6])
{
    uint64_t ns = 0;

    if (!p->wait.restart_nr && !timespec_in(a[0], &ns))
        return user_ok(a[0], sizeof(struct abi_timespec), false) ? -EINVAL : -EFAULT;
    return sleep_until(p, now() + ns);
}

int sys_clock_nanosleep(struct proc *p, const uint32_t a[6])
{
    uint64_t ns, reading;

    if (p->wait.restart_nr)
        return sleep_until(p, 0);
    if (a[0] == CLOCK_PROCESS_CPUTIME_ID || a[0] == CLOCK_THREAD_CPUTIME_ID
        || !read_clock(p, a[0], &reading))
        return -EINVAL;
    if (!timespec_in(a[2], &ns))
        return user_ok(a[2], sizeof(struct abi_timespec), false) ? -EINVAL : -EFAULT;
    if (a[1] & TIMER_ABSTIME)
        ns = ns > reading ? ns - reading : 0;
    return sleep_until(p, now() + ns);
}

/* An interrupted sleep: what is left of it, into the program's memory. */
void nanosleep_left(struct proc *p, uint32_t nr)
{
    uint32_t to = nr == NR_nanosleep ? p->frame.ecx : p->frame.esi;
    uint64_t deadline = p->wait.deadline, when = now();
    struct abi_timespec left;

    if (!to || (nr == NR_clock_nanosleep && (p->frame.ecx & TIMER_ABSTIME)))
        return;
    left = timespec_of(deadline > when ? deadline - when : 0);
    copy_out(to, &left, sizeof left);
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
