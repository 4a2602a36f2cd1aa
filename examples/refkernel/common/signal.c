/* Signals: sending them, default actions, and what becomes of an interrupted call. They are
   delivered on the way to user mode, by schedule(); those that an instruction causes at once. */
#include "kernel.h"
#include "calls.h"

enum { IGNORE, TERMINATE, STOP, HANDLE };

static const uint64_t STOPS = 1ull << (SIGSTOP - 1) | 1ull << (SIGTSTP - 1) | 1ull << (SIGTTIN - 1)
                              | 1ull << (SIGTTOU - 1);

static uint64_t bit(int signo)
{
    return 1ull << (signo - 1);
}

static int first_of(uint64_t set)
{
    return 1 + ((uint32_t)set ? __builtin_ctz((uint32_t)set)
                              : 32 + __builtin_ctz((uint32_t)(set >> 32)));
}

/* No core is ever dumped: what does so on Linux just terminates. */
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

/* What p does at it. */
static int action_of(struct proc *p, int signo, struct sigact *act)
{
    if (sig_action(p, signo, act) && act->handler)
        return act->handler == SIG_IGN ? IGNORE : HANDLE;
    return p->pid == 1 ? IGNORE : default_action(signo); /* only its own faults end the first */
}

/* Signals that are no longer pending. */
static void discard(struct proc *p, uint64_t set)
{
    const struct siginfo *info;

    for (uint32_t n = 0; (p->sig_pending & set) && (info = sig_queued(p, n));)
        if (set & bit((int)info->signo))
            sig_unqueue(p, n);
        else
            n++;
    p->sig_pending &= ~set;
}

void signal_forget(struct proc *p)
{
    discard(p, ~0ull);
}

/* Those ignored from now on. */
void signal_discard(struct proc *p, int signo)
{
    discard(p, bit(signo));
}

/* Whether it ends what p waits for. */
static bool interrupts(struct proc *p, int signo)
{
    if (p->wait.kind == SSM_WAIT_VFORK)
        return signo == SIGKILL;
    return !(p->sig_mask & bit(signo))
           || (p->wait.restart_nr == NR_rt_sigtimedwait && (p->wait.obj & bit(signo)));
}

void signal_send(struct proc *p, const struct siginfo *info)
{
    int signo = (int)info->signo;
    struct sigact act;

    if (p->state == P_ZOMBIE)
        return;
    if (signo == SIGCONT) {
        discard(p, STOPS);
        process_continue(p);
    } else if (bit(signo) & STOPS) {
        discard(p, bit(SIGCONT));
    }
    if (!(p->sig_mask & bit(signo)) && action_of(p, signo, &act) == IGNORE)
        return;
    if (signo == SIGKILL && p->state == P_STOPPED) {
        p->task.unreported = p->task.stop_signal = 0;
        proc_continue(p);
    }
    if (signo < SIGRTMIN && (p->sig_pending & bit(signo)))
        return; /* a second one says nothing new */
    if (info->code != SI_KERNEL)
        sig_queue(p, info);
    p->sig_pending |= bit(signo);
    if (interrupts(p, signo))
        proc_wake(p);
}

void signal_post(struct proc *p, int signo)
{
    signal_send(p, &(struct siginfo){ .signo = (uint32_t)signo, .code = SI_KERNEL });
}

/* The first pending signal of a set, with what it tells, which is then no longer pending; 0: none. */
int signal_take(struct proc *p, uint64_t set, struct siginfo *info)
{
    uint64_t due = p->sig_pending & set;
    const struct siginfo *queued;
    bool found = false;
    int signo;

    if (!due)
        return 0;
    signo = first_of(due);
    p->sig_pending &= ~bit(signo);
    *info = (struct siginfo){ .signo = (uint32_t)signo, .code = SI_USER };
    for (uint32_t n = 0; (queued = sig_queued(p, n));) {
        if ((int)queued->signo != signo) {
            n++;
        } else if (!found) {
            found = true;
            *info = *queued;
            sig_unqueue(p, n);
        } else {
            p->sig_pending |= bit(signo); /* another of the same */
            break;
        }
    }
    return signo;
}

void wait_clear(struct proc *p)
{
    p->wait.kind = SSM_WAIT_NONE;
    p->wait.restart_nr = 0;
    p->wait.progress = 0;
    p->wait.obj = 0;
    p->wait.deadline = 0;
    p->wait.masked = false;
}

/* The call that waited is run again after the handler, or ends here. Returns the mask to go back
   to. */
static uint64_t interrupt_call(struct proc *p, const struct sigact *act)
{
    uint32_t nr = p->wait.restart_nr;
    uint64_t mask = p->wait.masked ? p->wait.saved_mask : p->sig_mask;
    uint32_t moved = call_moves(nr) ? p->wait.progress : 0;

    if (!nr)
        return mask;
    if (moved || !(act->flags & SA_RESTART) || !call_restarts(nr)) {
        if (nr == NR_nanosleep || nr == NR_clock_nanosleep)
            nanosleep_left(p, nr);
        if (nr == NR_select || nr == NR_newselect)
            select_left(p, nr);
        if (nr == NR_pselect6 || nr == NR_ppoll)
            ppoll_left(p, nr);
        p->frame.eax = moved ? moved : (uint32_t)-EINTR;
        p->frame.eip += 2; /* behind the int 0x80 */
    }
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    wait_clear(p);
    return mask;
}

static void run_handler(struct proc *p, const struct siginfo *info, const struct sigact *act)
{
    uint64_t mask = interrupt_call(p, act);

    if (!sigframe_push(p, info, act, mask)) {
        process_exit(p, SIGSEGV);
        return;
    }
    p->sig_mask = (mask | act->mask | (act->flags & SA_NODEFER ? 0 : bit((int)info->signo)))
                  & ~(bit(SIGKILL) | bit(SIGSTOP));
    if (act->flags & SA_RESETHAND)
        sig_set_action(p, (int)info->signo, &(struct sigact){ .handler = SIG_DFL });
}

/* For what p's own instruction has done: it cannot be put off, and is handled at once. */
void signal_fault(struct proc *p, int signo, int32_t code, uint32_t address)
{
    struct siginfo info = { .signo = (uint32_t)signo, .code = code, .value = address };
    struct sigact act;

    if (!(p->sig_mask & bit(signo)) && action_of(p, signo, &act) == HANDLE) {
        run_handler(p, &info, &act);
        return;
    }
    print("%s[%u]: signal %d at %x, address %x\n", p->name, p->pid, signo, p->frame.eip, address);
    process_exit(p, (uint32_t)signo);
}

/* p is about to run, and its address space is in use. */
void signal_deliver(struct proc *p)
{
    while (p->state == P_RUNNABLE && (p->sig_pending & ~p->sig_mask)) {
        uint64_t later = p->wait.restart_nr == NR_rt_sigtimedwait ? p->wait.obj : 0;
        struct siginfo info;
        struct sigact act;
        int signo = signal_take(p, ~p->sig_mask & ~later, &info);

        if (!signo)
            return; /* the call takes it */
        switch (action_of(p, signo, &act)) {
        case TERMINATE:
            process_exit(p, (uint32_t)signo);
            break;
        case STOP:
            if (signo == SIGSTOP || !group_is_orphaned(p->pgrp, 0))
                process_stop(p, signo);
            break;
        case HANDLE:
            run_handler(p, &info, &act);
        }
    }
}
