/* System calls that wait for children: ended, stopped, or going on. */
#include "calls.h"

/* What a wait is for, and what it has found. */
struct search { int pid; uint32_t options; uint32_t code; uint32_t status; bool any; };

static bool wanted(struct proc *p, struct proc *child, const struct search *search)
{
    bool clone = child->task.exit_signal != SIGCHLD;
    int pid = search->pid;

    return child->ppid == p->pid
           && ((search->options & WALL) || clone == ((search->options & WCLONE) != 0))
           && (pid == -1 || (pid > 0 && child->pid == (uint32_t)pid)
               || (pid == 0 && child->pgrp == p->pgrp)
               || (pid < -1 && child->pgrp == 0u - (uint32_t)pid));
}

/* Whether there is something to tell of a child; in *search what. */
static bool has_news(struct proc *child, struct search *search)
{
    struct task *task = &child->task;

    if (child->state == P_ZOMBIE && (search->options & WEXITED)) {
        uint32_t signo = child->exit_code & 0x7F;
        search->code = signo ? CLD_KILLED : CLD_EXITED;
        search->status = signo ? signo : child->exit_code >> 8 & 0xFF;
    } else if ((task->unreported & WAIT_STOP) && child->state == P_STOPPED
               && (search->options & WSTOPPED)) {
        search->code = CLD_STOPPED;
        search->status = task->stop_signal;
    } else if ((task->unreported & WAIT_CONTINUE) && (search->options & WCONTINUED)) {
        search->code = CLD_CONTINUED;
        search->status = SIGCONT;
    } else {
        return false;
    }
    return true;
}

static struct proc *search_child(struct proc *p, struct search *search)
{
    for (struct proc *child = proc_first(); child; child = proc_after(child))
        if (wanted(p, child, search)) {
            search->any = true;
            if (has_news(child, search))
                return child;
        }
    return 0;
}

/* No child has anything to tell: how the call ends, or it is run again. */
static int nothing_yet(struct proc *p, const struct search *search)
{
    if (!search->any)
        return -ECHILD;
    if (search->options & WNOHANG)
        return 0;
    proc_block(p, SSM_WAIT_WAIT4, (uint64_t)(int64_t)search->pid);
    return BLOCKED;
}

/* It has been told; a zombie is then gone, and its time counts as ours. */
static void reported(struct proc *p, struct proc *child, uint32_t options)
{
    if (options & WNOWAIT)
        return;
    child->task.unreported = 0;
    if (child->state != P_ZOMBIE)
        return;
    p->task.cutime_ns += child->utime_ns + child->task.cutime_ns;
    p->task.cstime_ns += child->stime_ns + child->task.cstime_ns;
    proc_delete(child);
}

/* As wait4 has it. */
static uint32_t status_of(const struct proc *child, const struct search *search)
{
    return search->code == CLD_STOPPED ? search->status << 8 | 0x7F
           : search->code == CLD_CONTINUED ? 0xFFFF : child->exit_code;
}

int sys_wait4(struct proc *p, const uint32_t a[6])
{
    struct search search = { .pid = (int)a[0], .options = a[2] | WEXITED };
    struct proc *child;
    struct abi_rusage usage;
    uint32_t status;
    int pid;

    if (a[2] & ~(WNOHANG | WUNTRACED | WCONTINUED | WALL | WCLONE))
        return -EINVAL;
    child = search_child(p, &search);
    if (!child)
        return nothing_yet(p, &search);
    status = status_of(child, &search);
    usage = rusage_of(child, true);
    if ((a[1] && copy_out(a[1], &status, sizeof status))
        || (a[3] && copy_out(a[3], &usage, sizeof usage)))
        return -EFAULT;
    pid = (int)child->pid;
    reported(p, child, 0);
    return pid;
}

int sys_waitpid(struct proc *p, const uint32_t a[6])
{
    const uint32_t wait4[6] = { a[0], a[1], a[2], 0, 0, 0 };
    return sys_wait4(p, wait4);
}

int sys_waitid(struct proc *p, const uint32_t a[6])
{
    struct search search = { .options = a[3] };
    struct siginfo info = { .signo = SIGCHLD };
    struct abi_siginfo user = { 0 };
    struct proc *child;
    struct abi_rusage usage;

    if ((a[3] & ~(WNOHANG | WSTOPPED | WEXITED | WCONTINUED | WNOWAIT | WALL | WCLONE))
        || !(a[3] & (WSTOPPED | WEXITED | WCONTINUED)) || a[0] > P_PGID
        || (a[0] != P_ALL && (int)a[1] <= 0))
        return -EINVAL;
    search.pid = a[0] == P_ALL ? -1 : a[0] == P_PID ? (int)a[1] : -(int)a[1];
    child = search_child(p, &search);
    if (!child) {
        int result = nothing_yet(p, &search);
        return !result && a[2] && copy_out(a[2], &user, sizeof user) ? -EFAULT : result;
    }
    info.code = (int32_t)search.code, info.value = search.status;
    info.pid = child->pid, info.uid = child->task.user.real;
    user = siginfo_of(&info);
    usage = rusage_of(child, true);
    if ((a[2] && copy_out(a[2], &user, sizeof user))
        || (a[4] && copy_out(a[4], &usage, sizeof usage)))
        return -EFAULT;
    reported(p, child, a[3]);
    return 0;
}
