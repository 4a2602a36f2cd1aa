/* The part of the Save State Map that is about what Linux programs know of processes besides PROC:
   TASK, RESTART, SIGACT, SIGINFO, XSTATE, and the timers of processes. */
#include "kernel.h"
#include "map.h"

void save_tasks(struct ssm_writer *out)
{
    const struct inode *last_cwd = 0, *last_exe = 0; /* mostly the next one's, too */
    struct text_place cwd = { 0, 0 }, exe = { 0, 0 };

    ssm_begin_section(out, SSM_TASK);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        const struct task *task = &p->task;
        struct ssm_task *to = ssm_append_raw(out, sizeof *to);
        if (!to)
            return;
        if (p->cwd != last_cwd)
            cwd = text_path(last_cwd = p->cwd);
        if (p->exe != last_exe)
            exe = (last_exe = p->exe) ? text_path(p->exe) : (struct text_place){ 0, 0 };
        to->pid = to->tgid = p->pid;
        to->tty = p->tty ? p->tty->number : 0;
        to->uid = task->user.real, to->euid = task->user.effective;
        to->suid = task->user.saved, to->fsuid = task->user.fs;
        to->gid = task->group.real, to->egid = task->group.effective;
        to->sgid = task->group.saved, to->fsgid = task->group.fs;
        to->umask = task->umask;
        to->cwd_off = cwd.off, to->cwd_len = cwd.len;
        to->root_off = to->root_len = 0;
        to->exe_off = exe.off, to->exe_len = exe.len;
        to->exit_signal = task->exit_signal;
        to->altstack_sp = task->altstack.sp, to->altstack_size = task->altstack.size;
        to->altstack_flags = 0;
        to->vfork_parent = task->vfork_parent && vfork_waiter(p) ? task->vfork_parent : 0;
        to->stop_signal = task->stop_signal;
        to->wait_flags = task->unreported;
        to->nice = (uint32_t)task->nice;
        to->cutime_ns = task->cutime_ns, to->cstime_ns = task->cstime_ns;
        to->start_ns = task->start_ns;
        to->tls0 = task->tls[0], to->tls1 = task->tls[1], to->tls2 = task->tls[2];
        to->dr0 = to->dr1 = to->dr2 = to->dr3 = to->dr6 = to->dr7 = 0;
        to->minflt = task->faults, to->majflt = 0;
        to->did_exec = task->did_exec, to->rsvd = 0;
    }
    ssm_end_section(out);
}

/* The arguments are in the registers, too, until the call is run again. */
void save_restarts(struct ssm_writer *out, uint64_t when)
{
    ssm_begin_section(out, SSM_RESTART);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        const struct trapframe *f = &p->frame;
        const struct wait *wait = &p->wait;
        struct ssm_restart *to = wait->restart_nr ? ssm_append(out) : 0;
        if (!to)
            continue;
        to->pid = p->pid, to->nr = wait->restart_nr;
        to->arg0 = f->ebx, to->arg1 = f->ecx, to->arg2 = f->edx;
        to->arg3 = f->esi, to->arg4 = f->edi, to->arg5 = f->ebp;
        to->moved = wait->progress;
        if (wait->deadline) {
            to->left_ns = wait->deadline > when ? wait->deadline - when : 0;
            to->flags |= SSM_RESTART_LEFT;
        }
        if (wait->masked) {
            to->saved_mask = wait->saved_mask;
            to->flags |= SSM_RESTART_MASK;
        }
    }
    ssm_end_section(out);
}

static void append_cputimer(struct ssm_writer *out, uint32_t kind, struct proc *p,
                            const struct cputimer *timer)
{
    struct ssm_timer *to = timer->left ? ssm_append(out) : 0;

    if (!to)
        return;
    to->kind = kind, to->pid = p->pid;
    to->left_ns = timer->left, to->period_ns = timer->period;
}

void save_cputimers(struct ssm_writer *out)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        append_cputimer(out, SSM_TIMER_ITIMER_VIRTUAL, p, &p->task.virtual);
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        append_cputimer(out, SSM_TIMER_ITIMER_PROF, p, &p->task.prof);
}

void save_actions(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_SIGACT);
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        for (int signo = 1; sig_any(p) && signo <= NSIG; signo++) {
            struct sigact act;
            struct ssm_sigact *to = sig_action(p, signo, &act) ? ssm_append(out) : 0;
            if (!to)
                continue;
            to->pid = p->pid, to->signo = (uint32_t)signo;
            to->handler = act.handler, to->flags = act.flags;
            to->restorer = act.restorer, to->mask = act.mask;
        }
    ssm_end_section(out);
}

/* What pending signals tell. */
void save_siginfos(struct ssm_writer *out)
{
    const struct siginfo *info;

    ssm_begin_section(out, SSM_SIGINFO);
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        for (uint32_t n = 0; p->sig_pending && (info = sig_queued(p, n)); n++) {
            struct ssm_siginfo *to = ssm_append(out);
            if (!to)
                return;
            to->pid = p->pid, to->seq = n;
            to->signo = info->signo, to->code = (uint32_t)info->code;
            to->from_pid = info->pid, to->from_uid = info->uid, to->value = info->value;
        }
    ssm_end_section(out);
}

/* Bytes of these sections for one process, at most. */
uint32_t save_task_size(struct proc *p)
{
    uint32_t len = sizeof(struct ssm_task) + sizeof(struct ssm_restart)
                   + 4 * sizeof(struct ssm_timer) + text_path_size(p->cwd) + text_path_size(p->exe);
    struct sigact act;

    for (uint32_t n = 0; sig_queued(p, n); n++)
        len += sizeof(struct ssm_siginfo);
    for (int signo = 1; sig_any(p) && signo <= NSIG; signo++)
        len += sig_action(p, signo, &act) ? sizeof(struct ssm_sigact) : 0;
    return len + (xmm_used(p) ? sizeof(struct ssm_xstate) : 0);
}
