/* Processes: how they begin, by fork or as the first one, and how they end. */
#include "calls.h"

/* A child, not yet runnable, with everything of its parent; 0 when there is no memory. */
static struct proc *copy_process(struct proc *p)
{
    struct proc *child = proc_new(pid_unused());
    struct sigact act;

    if (!child)
        return 0;
    if (!aspace_new(&child->as)) {
        proc_delete(child);
        return 0;
    }
    for (int signo = 1; sig_any(p) && signo <= NSIG; signo++)
        if (sig_action(p, signo, &act) && !sig_set_action(child, signo, &act))
            goto no_memory;
    if (!aspace_copy(&child->as, &p->as))
        goto no_memory;
    fpu_store();
    memcpy(child->fpu, p->fpu, sizeof child->fpu);
    child->used_fpu = p->used_fpu;
    child->frame = p->frame;
    child->sig_mask = p->sig_mask;
    memcpy(child->name, p->name, sizeof child->name);
    child->ppid = p->pid, child->pgrp = p->pgrp, child->sid = p->sid;
    for (uint32_t fd = 0; fd < NOFILE; fd++)
        if (fd_file(p, fd)) {
            fd_set(child, fd, fd_file(p, fd), fd_cloexec(p, fd));
            fd_file(p, fd)->refs++;
        }
    return child;

no_memory:
    aspace_delete(&child->as);
    proc_delete(child);
    return 0;
}

int sys_fork(struct proc *p, const uint32_t a[6])
{
    struct proc *child = copy_process(p);

    (void)a;
    if (!child)
        return proc_count() >= NPROC ? -EAGAIN : -ENOMEM;
    child->frame.eax = 0;
    proc_continue(child);
    return (int)child->pid;
}

/* The C library's way to fork: nothing shared, SIGCHLD at the end. */
int sys_clone(struct proc *p, const uint32_t a[6])
{
    int pid;

    if ((a[0] & ~0x01200000u) != SIGCHLD) /* CLONE_CHILD_SETTID and CLEARTID: for threads only */
        return -EINVAL;
    pid = sys_fork(p, a);
    if (pid > 0 && a[1])
        proc_find((uint32_t)pid)->frame.esp = a[1];
    return pid;
}

/* The first process: the words behind `init=` on the kernel's command line, else /bin/init. */
void process_spawn_init(const char *cmdline)
{
    static char line[1024];
    struct proc *p = proc_new(1);
    uint32_t words = 0, len = 0;
    const char *at = cmdline;
    struct file *console = file_new(0, SSM_FILE_TTY, O_RDWR);
    int error;

    while (*at && strncmp(at, "init=", 5))
        at++;
    at = *at ? at + 5 : "/bin/init";
    while (*at && len < sizeof line - 1) {
        while (*at && *at != ' ' && len < sizeof line - 1)
            line[len++] = *at++;
        line[len++] = 0;
        words++;
        while (*at == ' ')
            at++;
    }
    if (!p || !console || !aspace_new(&p->as))
        panic("no memory for the first process");
    p->pgrp = p->sid = 1;
    for (uint32_t fd = 0; fd < 3; fd++)
        fd_set(p, fd, console, false);
    console->refs = 3;
    error = exec(p, line, words, 0, line, len);
    if (error)
        panic("%s cannot be started: error %d", line, -error);
    proc_continue(p);
}

/* p ends; status as wait4 returns it. Its number stays until its parent has asked. */
void process_exit(struct proc *p, uint32_t status)
{
    struct proc *parent = proc_find(p->ppid);
    struct sigact act;

    if (p->pid == 1)
        machine_exit((uint8_t)(status & 0x7F ? 128 + (status & 0x7F) : status >> 8));
    for (uint32_t fd = 0; fd < NOFILE; fd++)
        if (fd_file(p, fd)) {
            file_release(fd_file(p, fd));
            fd_set(p, fd, 0, false);
        }
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    timer_disarm(SSM_TIMER_ITIMER_REAL, p->pid);
    aspace_delete(&p->as);
    fpu_drop(p);
    wait_clear(p);
    p->exit_code = status;
    p->sig_pending = 0;
    proc_zombie(p);
    for (struct proc *child = proc_first(); child; child = proc_after(child))
        if (child->ppid == p->pid) {
            child->ppid = 1;
            if (child->state == P_ZOMBIE)
                proc_wake(proc_find(1));
        }
    if (sig_action(parent, SIGCHLD, &act)
        && (act.handler == SIG_IGN || (act.flags & SA_NOCLDWAIT))) {
        p->ppid = 1; /* the parent does not want to know: the first process reaps it */
        proc_wake(proc_find(1));
    }
    signal_post(parent, SIGCHLD);
    if (parent->wait.kind == SSM_WAIT_WAIT4)
        proc_wake(parent);
}
