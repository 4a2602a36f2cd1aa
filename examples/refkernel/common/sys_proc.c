/* System calls about processes. */
#include "calls.h"

int sys_exit(struct proc *p, const uint32_t a[6])
{
    process_exit(p, (a[0] & 0xFF) << 8);
    return 0;
}

static bool wanted(struct proc *p, struct proc *child, int pid)
{
    return child->ppid == p->pid
           && (pid == -1 || (pid > 0 && child->pid == (uint32_t)pid)
               || (pid == 0 && child->pgrp == p->pgrp)
               || (pid < -1 && child->pgrp == (uint32_t)-pid));
}

int sys_wait4(struct proc *p, const uint32_t a[6])
{
    int pid = (int)a[0];
    bool any = false;
    struct abi_rusage usage = { 0 };

    for (struct proc *child = proc_first(); child; child = proc_after(child)) {
        if (!wanted(p, child, pid))
            continue;
        any = true;
        if (child->state != P_ZOMBIE)
            continue;
        usage.utime = (struct abi_timeval){ (int32_t)(child->utime_ns / NS_PER_S),
                                            (int32_t)(child->utime_ns % NS_PER_S / 1000) };
        if ((a[1] && copy_out(a[1], &child->exit_code, sizeof child->exit_code))
            || (a[3] && copy_out(a[3], &usage, sizeof usage)))
            return -EFAULT;
        pid = (int)child->pid;
        proc_delete(child);
        return pid;
    }
    if (!any)
        return -ECHILD;
    if (a[2] & WNOHANG)
        return 0;
    proc_block(p, SSM_WAIT_WAIT4, (uint64_t)(int64_t)pid);
    return BLOCKED;
}

int sys_waitpid(struct proc *p, const uint32_t a[6])
{
    const uint32_t wait4[6] = { a[0], a[1], a[2], 0, 0, 0 };
    return sys_wait4(p, wait4);
}

int sys_getpid(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->pid; }
int sys_getppid(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->ppid; }
int sys_getpgrp(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->pgrp; }

int sys_getpgid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p;
    return other ? (int)other->pgrp : -ESRCH;
}

int sys_setpgid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p;

    if (!other || (other != p && other->ppid != p->pid))
        return -ESRCH;
    if ((int)a[1] < 0)
        return -EINVAL;
    if (other->sid == other->pid)
        return -EPERM;
    other->pgrp = a[1] ? a[1] : other->pid;
    return 0;
}

int sys_getsid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p;
    return other ? (int)other->sid : -ESRCH;
}

int sys_setsid(struct proc *p, const uint32_t a[6])
{
    (void)a;
    if (p->pgrp == p->pid)
        return -EPERM;
    p->pgrp = p->sid = p->pid;
    return (int)p->pid;
}

int sys_sched_yield(struct proc *p, const uint32_t a[6])
{
    (void)p, (void)a;
    sched_yield();
    return 0;
}

/* Everybody is root: getuid, getgid and their like. */
int sys_root(struct proc *p, const uint32_t a[6]) { (void)p, (void)a; return 0; }

/* The initrd cannot be written to, so nothing is ever created. */
int sys_umask(struct proc *p, const uint32_t a[6]) { (void)p, (void)a; return 022; }
