/* System calls about what a process does at signals. Masks are 64 bits, the first word signals 1 to
   32. */
#include "calls.h"

static bool may_set(uint32_t signo)
{
    return signo >= 1 && signo <= NSIG && signo != SIGKILL && signo != SIGSTOP;
}

static int set_action(struct proc *p, uint32_t signo, const struct sigact *act)
{
    if (!sig_set_action(p, (int)signo, act))
        return -ENOMEM;
    if (act->handler == SIG_IGN
        || (act->handler == SIG_DFL && (signo == SIGCHLD || signo == SIGCONT || signo == SIGURG
                                        || signo == SIGWINCH)))
        signal_discard(p, (int)signo);
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

/* Where handlers with SA_ONSTACK run. */
int sys_sigaltstack(struct proc *p, const uint32_t a[6])
{
    struct abi_stack old = altstack_of(p), user;

    if (a[0] && copy_in(&user, a[0], sizeof user))
        return -EFAULT;
    if (a[1] && copy_out(a[1], &old, sizeof old))
        return -EFAULT;
    return a[0] ? altstack_set(p, &user) : 0;
}

struct abi_stack altstack_of(const struct proc *p)
{
    const struct altstack *stack = &p->task.altstack;
    uint32_t flags = !stack->size ? SS_DISABLE
                     : p->frame.esp - stack->sp <= stack->size ? SS_ONSTACK : 0;

    return (struct abi_stack){ stack->sp, flags, stack->size };
}

int altstack_set(struct proc *p, const struct abi_stack *user)
{
    if (altstack_of(p).flags & SS_ONSTACK)
        return -EPERM;
    if (user->flags & ~(uint32_t)(SS_DISABLE | SS_ONSTACK))
        return -EINVAL;
    if (user->flags & SS_DISABLE) {
        p->task.altstack = (struct altstack){ .size = 0 };
        return 0;
    }
    if (user->size < MINSIGSTKSZ)
        return -ENOMEM;
    p->task.altstack = (struct altstack){ .sp = user->sp, .size = user->size };
    return 0;
}
