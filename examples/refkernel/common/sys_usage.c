/* System calls about what processes use: time, and how much of it they are to get. */
#include "calls.h"

/* with: and of its children it has waited for. */
struct abi_rusage rusage_of(const struct proc *p, bool with)
{
    return (struct abi_rusage){
        .utime = timeval_of(p->utime_ns + (with ? p->task.cutime_ns : 0)),
        .stime = timeval_of(p->stime_ns + (with ? p->task.cstime_ns : 0)),
        .minflt = p->task.faults,
    };
}

int sys_getrusage(struct proc *p, const uint32_t a[6])
{
    struct abi_rusage usage = { .utime = timeval_of(p->task.cutime_ns),
                                .stime = timeval_of(p->task.cstime_ns) };

    if ((int)a[0] == RUSAGE_SELF)
        usage = rusage_of(p, false);
    else if ((int)a[0] != RUSAGE_CHILDREN)
        return -EINVAL;
    return copy_out(a[1], &usage, sizeof usage);
}

static uint32_t clocks(uint64_t ns)
{
    return (uint32_t)(ns / (NS_PER_S / USER_HZ));
}

int sys_times(struct proc *p, const uint32_t a[6])
{
    struct abi_tms tms = { clocks(p->utime_ns), clocks(p->stime_ns), clocks(p->task.cutime_ns),
                           clocks(p->task.cstime_ns) };

    if (a[0] && copy_out(a[0], &tms, sizeof tms))
        return -EFAULT;
    return (int)clocks(uptime());
}

/* Whether other is among those that PRIO_... and a number name. */
static bool chosen(const struct proc *p, const struct proc *other, uint32_t which, uint32_t who)
{
    switch (which) {
    case PRIO_PROCESS: return other->pid == (who ? who : p->pid);
    case PRIO_PGRP: return other->pgrp == (who ? who : p->pgrp);
    default: return other->task.user.real == (who ? who : p->task.user.real);
    }
}

/* 20 - nice, so that it is no error; the highest of those named. */
int sys_getpriority(struct proc *p, const uint32_t a[6])
{
    int best = -ESRCH;

    if (a[0] > PRIO_USER)
        return -EINVAL;
    for (struct proc *each = proc_first(); each; each = proc_after(each))
        if (chosen(p, each, a[0], a[1]))
            best = MAX(best, 20 - each->task.nice);
    return best;
}

static int renice(struct proc *p, struct proc *other, int nice)
{
    const struct ids *user = &p->task.user;

    if (user->effective && user->effective != other->task.user.real
        && user->effective != other->task.user.effective)
        return -EPERM;
    if (user->effective && nice < other->task.nice)
        return -EACCES;
    other->task.nice = nice;
    return 0;
}

int sys_setpriority(struct proc *p, const uint32_t a[6])
{
    int result = -ESRCH, nice = MAX(-20, MIN(19, (int)a[2]));

    if (a[0] > PRIO_USER)
        return -EINVAL;
    for (struct proc *each = proc_first(); each; each = proc_after(each))
        if (chosen(p, each, a[0], a[1])) {
            int error = renice(p, each, nice);
            result = error || result == -ESRCH ? error : result;
        }
    return result;
}

int sys_nice(struct proc *p, const uint32_t a[6])
{
    int by = MAX(-40, MIN(40, (int)a[0])), nice = MAX(-20, MIN(19, p->task.nice + by));

    return renice(p, p, nice) ? -EPERM : 0;
}
