/* Stopping and going on, what a parent hears of it, and process groups nobody is left to care for
   (POSIX.1, 3.265 "orphaned process group"). */
#include "kernel.h"

/* SIGCHLD, or the signal p was made with; and a parent in wait4 looks again. */
void notify_parent(struct proc *parent, struct proc *p, uint32_t signo, int32_t code,
                   uint32_t status)
{
    struct sigact act;
    bool ended = code == CLD_EXITED || code == CLD_KILLED;

    if (signo && (ended || !sig_action(parent, SIGCHLD, &act) || !(act.flags & SA_NOCLDSTOP)))
        signal_send(parent, &(struct siginfo){ .signo = signo, .code = code, .pid = p->pid,
                                               .uid = p->task.user.real, .value = status });
    if (parent->wait.kind == SSM_WAIT_WAIT4)
        proc_wake(parent);
}

static void tell_parent(struct proc *p, int32_t code, uint32_t status)
{
    struct proc *parent = proc_find(p->ppid);

    if (parent)
        notify_parent(parent, p, SIGCHLD, code, status);
}

void process_stop(struct proc *p, int signo)
{
    p->task.stop_signal = (uint32_t)signo;
    p->task.unreported = WAIT_STOP;
    proc_stop(p);
    tell_parent(p, CLD_STOPPED, (uint32_t)signo);
}

/* Its parent hears of it only when p had been stopped. */
void process_continue(struct proc *p)
{
    if (p->state != P_STOPPED)
        return;
    p->task.stop_signal = 0;
    p->task.unreported = WAIT_CONTINUE;
    proc_continue(p);
    tell_parent(p, CLD_CONTINUED, SIGCONT);
}

/* Whether no member has a parent in another group of the same session; without: who does not
   count. */
bool group_is_orphaned(uint32_t pgrp, const struct proc *without)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        struct proc *parent;
        if (p->pgrp != pgrp || p == without || p->state == P_ZOMBIE || p->ppid <= 1)
            continue;
        parent = proc_find(p->ppid);
        if (parent && parent->pgrp != pgrp && parent->sid == p->sid)
            return false;
    }
    return true;
}

static bool has_stopped(uint32_t pgrp)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->pgrp == pgrp && p->state == P_STOPPED)
            return true;
    return false;
}

/* A parent, or a child of it, has ended (without: who does not count): when that has left the
   child's group alone and stopped, nobody else will wake it. */
void group_left_alone(struct proc *parent, struct proc *child, const struct proc *without)
{
    if (!parent || child->pgrp == parent->pgrp || child->sid != parent->sid
        || !has_stopped(child->pgrp) || !group_is_orphaned(child->pgrp, without))
        return;
    signal_group(child->pgrp, SIGHUP);
    signal_group(child->pgrp, SIGCONT);
}

/* From the kernel, as the terminal does it. */
void signal_group(uint32_t pgrp, int signo)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->pgrp == pgrp)
            signal_post(p, signo);
}
