/* Signals: posting, default actions, and what becomes of an interrupted call. They are delivered on
   the way to user mode, by schedule(). */
#include "kernel.h"
#include "calls.h"

enum { IGNORE, TERMINATE, STOP };

static uint64_t bit(int signo)
{
    return 1ull << (signo - 1);
}

static int default_action(int signo)
{
    switch (signo) {
    case SIGCHLD: case SIGCONT: case SIGURG: case SIGWINCH:
        return IGNORE;
    case SIGSTOP: case SIGTSTP: case SIGTTIN: case SIGTTOU:
        return STOP;
    default:
        return TERMINATE;
    }
}

/* What p does at it, when that is without a handler; -1 with one. */
static int action_without_handler(struct proc *p, int signo)
{
    struct sigact act;

    if (sig_action(p, signo, &act))
        return act.handler == SIG_IGN ? IGNORE : -1;
    if (p->pid == 1 && default_action(signo) != IGNORE && signo != SIGSEGV)
        return IGNORE; /* nothing but its own faults ends the first process */
    return default_action(signo);
}

void signal_post(struct proc *p, int signo)
{
    if (p->state == P_ZOMBIE)
        return;
    if (signo == SIGCONT || signo == SIGKILL)
        proc_continue(p);
    if (!(p->sig_mask & bit(signo)) && action_without_handler(p, signo) == IGNORE)
        return;
    p->sig_pending |= bit(signo);
    if (!(p->sig_mask & bit(signo)))
        proc_wake(p);
}

/* For what p's own instruction has done: it cannot be put off. */
void signal_fault(struct proc *p, int signo)
{
    struct sigact act;

    if ((p->sig_mask & bit(signo)) || !sig_action(p, signo, &act) || act.handler == SIG_IGN) {
        print("%s[%u]: signal %d at %x, address %x\n", p->name, p->pid, signo, p->frame.eip,
              read_cr2());
        process_exit(p, (uint32_t)signo);
        return;
    }
    p->sig_pending |= bit(signo);
}

void wait_clear(struct proc *p)
{
    p->wait.kind = SSM_WAIT_NONE;
    p->wait.restart_nr = 0;
    p->wait.progress = 0;
    p->wait.obj = 0;
}

/* The call that waited is run again after the handler, or ends here. Returns the mask to go back
   to. */
static uint64_t interrupt_call(struct proc *p, const struct sigact *act)
{
    uint32_t nr = p->wait.restart_nr;
    uint64_t mask = p->sig_mask;

    if (!nr)
        return mask;
    if (nr == NR_sigsuspend || nr == NR_rt_sigsuspend)
        mask = p->wait.obj;
    if (p->wait.progress || !(act->flags & SA_RESTART) || !call_restarts(nr)) {
        if (nr == NR_nanosleep || nr == NR_clock_nanosleep)
            nanosleep_left(p, nr);
        p->frame.eax = p->wait.progress ? p->wait.progress : (uint32_t)-EINTR;
        p->frame.eip += 2; /* behind the int 0x80 */
    }
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    wait_clear(p);
    return mask;
}

static void run_handler(struct proc *p, int signo, const struct sigact *act)
{
    uint64_t mask = interrupt_call(p, act);

    if (!sigframe_push(p, signo, act, mask)) {
        process_exit(p, SIGSEGV);
        return;
    }
    p->sig_mask = (mask | act->mask | (act->flags & SA_NODEFER ? 0 : bit(signo)))
                  & ~(bit(SIGKILL) | bit(SIGSTOP));
    if (act->flags & SA_RESETHAND)
        sig_set_action(p, signo, &(struct sigact){ .handler = SIG_DFL });
}

/* p is about to run, and its address space is in use. */
void signal_deliver(struct proc *p)
{
    uint64_t due;

    while (p->state == P_RUNNABLE && (due = p->sig_pending & ~p->sig_mask)) {
        int signo = 1 + ((uint32_t)due ? __builtin_ctz((uint32_t)due)
                                       : 32 + __builtin_ctz((uint32_t)(due >> 32)));
        int action = action_without_handler(p, signo);
        struct sigact act;

        p->sig_pending &= ~bit(signo);
        if (action == TERMINATE) {
            process_exit(p, (uint32_t)signo);
        } else if (action == STOP) {
            proc_stop(p);
        } else if (action != IGNORE) {
            sig_action(p, signo, &act);
            run_handler(p, signo, &act);
        }
    }
}
