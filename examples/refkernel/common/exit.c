/* Processes: how they end. */
#include "calls.h"

static struct proc *dead; /* nobody wants to know how it ended */

/* What nobody will wait for is gone, too; called when nothing refers to it any more. */
void process_bury(void)
{
    if (dead)
        proc_delete(dead);
    dead = 0;
}

/* Whether its parent has said that it will not wait for it. */
static bool is_unwanted(const struct proc *p, struct proc *parent, uint32_t *signo)
{
    struct sigact act;

    *signo = p->task.exit_signal;
    if (!parent || *signo != SIGCHLD || !sig_action(parent, SIGCHLD, &act))
        return false;
    if (act.handler == SIG_IGN)
        *signo = 0;
    return act.handler == SIG_IGN || (act.flags & SA_NOCLDWAIT);
}

/* The first process takes them over. */
static void leave_children(struct proc *p)
{
    struct proc *child, *next, *first = proc_find(1);
    uint32_t signo;

    for (child = proc_first(); child; child = next) {
        next = proc_after(child);
        if (child->ppid != p->pid)
            continue;
        child->ppid = 1;
        child->task.exit_signal = SIGCHLD;
        group_left_alone(p, child, 0);
        if (child->state != P_ZOMBIE)
            continue;
        if (is_unwanted(child, first, &signo))
            proc_delete(child);
        else
            notify_parent(first, child, signo, CLD_EXITED, child->exit_code >> 8 & 0xFF);
    }
}

/* p ends; status as wait4 returns it. Its number stays until its parent has asked. */
void process_exit(struct proc *p, uint32_t status)
{
    struct proc *parent = proc_find(p->ppid);
    uint32_t signo, by = status & 0x7F;

    if (p->pid == 1)
        machine_exit((uint8_t)(by ? 128 + by : status >> 8));
    tty_leader_exits(p);
    fds_close(p, true);
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    timer_disarm(SSM_TIMER_ITIMER_REAL, p->pid);
    if (!process_return_memory(p))
        aspace_delete(&p->as);
    fpu_drop(p);
    xmm_delete(p);
    wait_clear(p);
    signal_forget(p);
    p->exit_code = status;
    p->task.unreported = p->task.stop_signal = 0;
    proc_zombie(p);
    leave_children(p);
    group_left_alone(parent, p, p);
    if (is_unwanted(p, parent, &signo)) {
        dead = p;
        p->ppid = 0; /* so that a parent in wait4 does not find it */
    }
    if (parent)
        notify_parent(parent, p, signo, by ? CLD_KILLED : CLD_EXITED, by ? by : status >> 8);
}
