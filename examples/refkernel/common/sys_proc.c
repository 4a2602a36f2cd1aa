/* System calls about processes that are short: who they are, and their end. */
#include "calls.h"

int sys_exit(struct proc *p, const uint32_t a[6])
{
    process_exit(p, (a[0] & 0xFF) << 8);
    return 0;
}

int sys_getpid(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->pid; }
int sys_getppid(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->ppid; }

int sys_sched_yield(struct proc *p, const uint32_t a[6])
{
    (void)p, (void)a;
    sched_yield();
    return 0;
}

int sys_umask(struct proc *p, const uint32_t a[6])
{
    uint32_t old = p->task.umask;

    p->task.umask = a[0] & 0777;
    return (int)old;
}

/* A process's name, as ps shows it. */
int sys_prctl(struct proc *p, const uint32_t a[6])
{
    char name[sizeof p->name];
    int len;

    switch (a[0]) {
    case PR_SET_NAME:
        len = copy_string(name, a[1], sizeof name);
        if (len == -EFAULT)
            return len;
        name[sizeof name - 1] = 0;
        copy_name(p->name, sizeof p->name, name);
        return 0;
    case PR_GET_NAME:
        return copy_out(a[1], p->name, sizeof p->name);
    default:
        return -EINVAL;
    }
}
