/* System calls about signals. Masks are 64 bits, the first word signals 1 to 32. */
#include "calls.h"

static const uint64_t UNBLOCKABLE = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);

static bool may_set(uint32_t signo)
{
    return signo >= 1 && signo <= NSIG && signo != SIGKILL && signo != SIGSTOP;
}

static int set_action(struct proc *p, uint32_t signo, const struct sigact *act)
{
    if (!sig_set_action(p, (int)signo, act))
        return -ENOMEM;
    if (act->handler == SIG_IGN || (act->handler == SIG_DFL && signo == SIGCHLD))
        p->sig_pending &= ~(1ull << (signo - 1));
    return 0;
}

int sys_signal(struct proc *p, const uint32_t a[6])
{
    struct sigact old, act = { .handler = a[1], .flags = SA_RESETHAND | SA_NODEFER };

    if (!may_set(a[0]))
        return -EINVAL;
    sig_action(p, (int)a[0], &old);
    return set_action(p, a[0], &act) ? -ENOMEM : (int)old.handler;
}

/* The call of Linux 1.0: a mask of one word. */
int sys_sigaction(struct proc *p, const uint32_t a[6])
{
    struct abi_old_sigaction user;
    struct sigact old, act = { .handler = 0 };

    if (!may_set(a[0]))
        return -EINVAL;
    sig_action(p, (int)a[0], &old);
    if (a[1]) {
        if (copy_in(&user, a[1], sizeof user))
            return -EFAULT;
        act.handler = user.handler, act.flags = user.flags;
        act.restorer = user.restorer, act.mask = user.mask;
    }
    user = (struct abi_old_sigaction){ old.handler, (uint32_t)old.mask, old.flags, old.restorer };
    if (a[2] && copy_out(a[2], &user, sizeof user))
        return -EFAULT;
    return a[1] ? set_action(p, a[0], &act) : 0;
}

int sys_rt_sigaction(struct proc *p, const uint32_t a[6])
{
    struct abi_sigaction user;
    struct sigact old, act = { .handler = 0 };

    if (a[3] != sizeof(uint64_t) || a[0] < 1 || a[0] > NSIG || (a[1] && !may_set(a[0])))
        return -EINVAL;
    sig_action(p, (int)a[0], &old);
    if (a[1]) {
        if (copy_in(&user, a[1], sizeof user))
            return -EFAULT;
        act.handler = user.handler, act.flags = user.flags;
        act.restorer = user.restorer, act.mask = user.mask;
    }
    user = (struct abi_sigaction){ old.handler, old.flags, old.restorer, old.mask };
    if (a[2] && copy_out(a[2], &user, sizeof user))
        return -EFAULT;
    return a[1] ? set_action(p, a[0], &act) : 0;
}

static int change_mask(struct proc *p, const uint32_t a[6], uint32_t len)
{
    uint64_t set = 0, old = p->sig_mask, keep = len == 4 ? old & ~0xFFFFFFFFull : 0;

    if (a[1] && copy_in(&set, a[1], len))
        return -EFAULT;
    if (a[1] && a[0] > SIG_SETMASK)
        return -EINVAL;
    if (a[2] && copy_out(a[2], &old, len))
        return -EFAULT;
    if (a[1])
        p->sig_mask = ~UNBLOCKABLE & (a[0] == SIG_BLOCK ? old | set
                                      : a[0] == SIG_UNBLOCK ? old & ~set : set | keep);
    return 0;
}

int sys_sigprocmask(struct proc *p, const uint32_t a[6])
{
    return change_mask(p, a, 4);
}

int sys_rt_sigprocmask(struct proc *p, const uint32_t a[6])
{
    return a[3] == sizeof(uint64_t) ? change_mask(p, a, 8) : -EINVAL;
}

int sys_rt_sigpending(struct proc *p, const uint32_t a[6])
{
    uint64_t pending = p->sig_pending & p->sig_mask;

    return copy_out(a[0], &pending, MIN(a[1], sizeof pending));
}

int sys_pause(struct proc *p, const uint32_t a[6])
{
    (void)a;
    proc_block(p, SSM_WAIT_PAUSE, 0);
    return BLOCKED;
}

/* Waits under another mask; wait.obj is the one to go back to. */
static int suspend(struct proc *p, uint64_t mask)
{
    uint64_t old = p->wait.restart_nr ? p->wait.obj : p->sig_mask;

    p->sig_mask = mask & ~UNBLOCKABLE;
    proc_block(p, SSM_WAIT_PAUSE, old);
    if (p->sig_pending & ~p->sig_mask)
        proc_wake(p);
    return BLOCKED;
}

int sys_sigsuspend(struct proc *p, const uint32_t a[6])
{
    return suspend(p, a[2]);
}

int sys_rt_sigsuspend(struct proc *p, const uint32_t a[6])
{
    uint64_t mask;

    if (a[1] != sizeof mask)
        return -EINVAL;
    return copy_in(&mask, a[0], sizeof mask) ? -EFAULT : suspend(p, mask);
}

/* pid > 0: it; 0: our group; -1: all but the first process and ourselves; < -1: that group. */
int sys_kill(struct proc *p, const uint32_t a[6])
{
    int pid = (int)a[0];
    uint32_t found = 0;

    if (a[1] > NSIG)
        return -EINVAL;
    for (struct proc *each = proc_first(); each; each = proc_after(each)) {
        if (pid > 0 ? each->pid != (uint32_t)pid
            : pid == 0 ? each->pgrp != p->pgrp
            : pid == -1 ? each->pid == 1 || each == p
            : each->pgrp != (uint32_t)-pid)
            continue;
        found++;
        if (a[1])
            signal_post(each, (int)a[1]);
    }
    return found ? 0 : -ESRCH;
}

int sys_tgkill(struct proc *p, const uint32_t a[6])
{
    return a[0] == a[1] ? sys_kill(p, a + 1) : -ESRCH;
}
