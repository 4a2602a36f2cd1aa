/* System calls that send signals, and who may. */
#include "calls.h"

static bool may_signal(const struct proc *from, const struct proc *to, uint32_t signo)
{
    const struct ids *sender = &from->task.user, *target = &to->task.user;

    return !sender->effective || sender->effective == target->real
           || sender->effective == target->saved || sender->real == target->real
           || sender->real == target->saved || (signo == SIGCONT && from->sid == to->sid);
}

static int send(struct proc *p, struct proc *to, const struct siginfo *info)
{
    if (!may_signal(p, to, info->signo))
        return -EPERM;
    if (info->signo)
        signal_send(to, info);
    return 0;
}

/* 0 when one of the group has got it. */
static int send_group(struct proc *p, uint32_t pgrp, const struct siginfo *info)
{
    int result = -ESRCH;

    for (struct proc *each = proc_first(); each; each = proc_after(each))
        if (each->pgrp == pgrp) {
            int error = send(p, each, info);
            result = result ? error : 0;
        }
    return result;
}

/* All but the first process and ourselves. */
static int send_all(struct proc *p, const struct siginfo *info)
{
    int result = -ESRCH;

    for (struct proc *each = proc_first(); each; each = proc_after(each))
        if (each->pid > 1 && each != p) {
            send(p, each, info);
            result = 0;
        }
    return result;
}

/* pid > 0: it; 0: our group; -1: everybody; < -1: that group. */
int sys_kill(struct proc *p, const uint32_t a[6])
{
    struct siginfo info = { .signo = a[1], .code = SI_USER, .pid = p->pid,
                            .uid = p->task.user.real };
    int pid = (int)a[0];
    struct proc *to;

    if (a[1] > NSIG)
        return -EINVAL;
    if (pid == -1)
        return send_all(p, &info);
    if (pid <= 0)
        return send_group(p, pid ? 0u - (uint32_t)pid : p->pgrp, &info);
    to = proc_find((uint32_t)pid);
    return to ? send(p, to, &info) : -ESRCH;
}

static int kill_thread(struct proc *p, uint32_t pid, uint32_t signo)
{
    struct siginfo info = { .signo = signo, .code = SI_TKILL, .pid = p->pid,
                            .uid = p->task.user.real };
    struct proc *to = proc_find(pid);

    if ((int)pid <= 0 || signo > NSIG)
        return -EINVAL;
    return to ? send(p, to, &info) : -ESRCH;
}

int sys_tkill(struct proc *p, const uint32_t a[6])
{
    return kill_thread(p, a[0], a[1]);
}

/* Every process has one thread, of its own number. */
int sys_tgkill(struct proc *p, const uint32_t a[6])
{
    if ((int)a[0] <= 0)
        return -EINVAL;
    return a[0] == a[1] ? kill_thread(p, a[1], a[2]) : -ESRCH;
}

/* sigqueue: of what the caller says, the code and the value are carried. */
int sys_rt_sigqueueinfo(struct proc *p, const uint32_t a[6])
{
    struct abi_siginfo user;
    struct proc *to = proc_find(a[0]);
    struct siginfo info;

    if (copy_in(&user, a[2], sizeof user))
        return -EFAULT;
    if (a[1] > NSIG)
        return -EINVAL;
    if ((user.code >= 0 || user.code == SI_TKILL) && a[0] != p->pid)
        return -EPERM; /* nobody forges what the kernel says */
    if (!to)
        return -ESRCH;
    info = (struct siginfo){ .signo = a[1], .code = user.code, .pid = (uint32_t)user.fields[0],
                             .uid = (uint32_t)user.fields[1],
                             .value = (uint32_t)user.fields[2] };
    if (a[1] >= SIGRTMIN && sig_queued(to, NQUEUED - 1))
        return -EAGAIN;
    return send(p, to, &info);
}
