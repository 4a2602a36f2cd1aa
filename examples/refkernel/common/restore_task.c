/* Takes over what the Save State Map says of processes besides PROC: TASK, RESTART, SIGACT,
   SIGINFO. A map of version 1.0 has only SIGACT. */
#include "calls.h"
#include "map.h"

void restore_tasks(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_TASK);
    const struct ssm_task *from;
    struct ssm_task room;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        struct task *task = &(p = proc_of(from->pid, p))->task;
        must(!(from->dr0 | from->dr1 | from->dr2 | from->dr3 | from->dr6 | from->dr7 | from->majflt
               | from->altstack_flags), SC_REASON_UNSUPPORTED, from->pid); /* there are none here */
        task->user = (struct ids){ .real = from->uid, .effective = from->euid, .saved = from->suid,
                                   .fs = from->fsuid };
        task->group = (struct ids){ .real = from->gid, .effective = from->egid, .saved = from->sgid,
                                    .fs = from->fsgid };
        task->umask = from->umask, task->nice = (int32_t)from->nice;
        task->exit_signal = from->exit_signal, task->vfork_parent = from->vfork_parent;
        task->stop_signal = from->stop_signal, task->unreported = from->wait_flags;
        task->faults = from->minflt, task->did_exec = from->did_exec;
        task->altstack = (struct altstack){ .sp = from->altstack_sp,
                                             .size = from->altstack_size };
        task->cutime_ns = from->cutime_ns, task->cstime_ns = from->cstime_ns;
        task->start_ns = from->start_ns;
        task->tls[0] = from->tls0, task->tls[1] = from->tls1, task->tls[2] = from->tls2;
        p->tty = from->tty ? tty_find(from->tty) : 0;
        restore_exe(map, p, from->exe_off, from->exe_len);
        restore_cwd(map, p, from->cwd_off, from->cwd_len);
    }
}

/* After PROC's states, which it says more of. */
void restore_restarts(const void *map, uint64_t when)
{
    struct ssm_cursor at = ssm_open(map, SSM_RESTART);
    const struct ssm_restart *from;
    struct ssm_restart room;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        p = proc_of(from->pid, p);
        p->wait.deadline = from->flags & SSM_RESTART_LEFT ? when + from->left_ns : 0;
        p->wait.masked = from->flags & SSM_RESTART_MASK;
        p->wait.saved_mask = from->saved_mask;
    }
}

bool restore_cputimer(const struct ssm_timer *from)
{
    struct proc *p = proc_of(from->pid, 0);

    if (from->kind != SSM_TIMER_ITIMER_VIRTUAL && from->kind != SSM_TIMER_ITIMER_PROF)
        return false;
    *(from->kind == SSM_TIMER_ITIMER_PROF ? &p->task.prof : &p->task.virtual) =
        (struct cputimer){ .left = from->left_ns, .period = from->period_ns };
    return true;
}

void restore_actions(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_SIGACT);
    struct ssm_sigact from;
    struct proc *p = 0;

    while (ssm_next(&at, &from, sizeof from)) {
        struct sigact act = { .handler = from.handler, .flags = from.flags,
                              .restorer = from.restorer, .mask = from.mask };
        p = proc_of(from.pid, p);
        must(from.signo >= 1 && from.signo <= NSIG, SC_REASON_BAD_MAP, from.pid);
        must(sig_set_action(p, (int)from.signo, &act), SC_REASON_NO_MEMORY, from.pid);
    }
}

void restore_siginfos(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_SIGINFO);
    struct ssm_siginfo from;
    struct proc *p = 0;

    while (ssm_next(&at, &from, sizeof from)) {
        struct siginfo info = { .signo = from.signo, .code = (int32_t)from.code,
                                .pid = from.from_pid, .uid = from.from_uid, .value = from.value };
        p = proc_of(from.pid, p);
        must(from.signo >= 1 && from.signo <= NSIG, SC_REASON_BAD_MAP, from.pid);
        must(sig_queue(p, &info), SC_REASON_NO_MEMORY, from.pid);
    }
}
