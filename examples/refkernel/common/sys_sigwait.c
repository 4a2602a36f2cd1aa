/* System calls that wait for signals, or look at those that wait. */
#include "calls.h"

/* The pending ones among those that are masked. */
static int pending(struct proc *p, uint32_t to, uint32_t len)
{
    uint64_t set = p->sig_pending & p->sig_mask;

    return copy_out(to, &set, len);
}

int sys_sigpending(struct proc *p, const uint32_t a[6])
{
    return pending(p, a[0], 4);
}

int sys_rt_sigpending(struct proc *p, const uint32_t a[6])
{
    return a[1] > sizeof(uint64_t) ? -EINVAL : pending(p, a[0], a[1]);
}

int sys_pause(struct proc *p, const uint32_t a[6])
{
    (void)a;
    proc_block(p, SSM_WAIT_PAUSE, 0);
    return BLOCKED;
}

/* Waits under another mask; the one to go back to is in wait. */
static int suspend(struct proc *p, uint64_t mask)
{
    if (!p->wait.masked) {
        p->wait.masked = true;
        p->wait.saved_mask = p->sig_mask;
    }
    p->sig_mask = mask & ~UNBLOCKABLE;
    proc_block(p, SSM_WAIT_SIGSUSPEND, 0);
    if (p->sig_pending & ~p->sig_mask)
        proc_wake(p);
    return BLOCKED;
}

int sys_sigsuspend(struct proc *p, const uint32_t a[6])
{
    return suspend(p, a[2] | (p->sig_mask & ~0xFFFFFFFFull));
}

int sys_rt_sigsuspend(struct proc *p, const uint32_t a[6])
{
    uint64_t mask;

    if (a[1] != sizeof mask)
        return -EINVAL;
    return copy_in(&mask, a[0], sizeof mask) ? -EFAULT : suspend(p, mask);
}

/* Takes a signal of a set without its handler; wait.obj: the set. */
int sys_rt_sigtimedwait(struct proc *p, const uint32_t a[6])
{
    struct siginfo info;
    uint64_t set, ns = 0;
    int signo;

    if (a[3] != sizeof set)
        return -EINVAL;
    if (copy_in(&set, a[0], sizeof set))
        return -EFAULT;
    if (a[2] && !timespec_in(a[2], &ns))
        return user_ok(a[2], sizeof(struct abi_timespec), false) ? -EINVAL : -EFAULT;
    set &= ~UNBLOCKABLE;
    signo = signal_take(p, set, &info);
    if (signo) {
        struct abi_siginfo user = siginfo_of(&info);
        timer_disarm(SSM_TIMER_SLEEP, p->pid);
        return a[1] && copy_out(a[1], &user, sizeof user) ? -EFAULT : signo;
    }
    if (!p->wait.restart_nr && a[2])
        p->wait.deadline = now() + ns;
    if (p->wait.deadline) {
        if (p->wait.deadline <= now())
            return -EAGAIN;
        if (!timer_arm(SSM_TIMER_SLEEP, p->pid, p->wait.deadline, 0))
            return -ENOMEM;
    }
    proc_block(p, SSM_WAIT_SIGTIMEDWAIT, set);
    return BLOCKED;
}
