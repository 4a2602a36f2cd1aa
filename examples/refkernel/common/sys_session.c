/* System calls about process groups and sessions (POSIX.1, setpgid and setsid). */
#include "calls.h"

int sys_getpgrp(struct proc *p, const uint32_t a[6]) { (void)a; return (int)p->pgrp; }

int sys_getpgid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p;
    return other ? (int)other->pgrp : -ESRCH;
}

int sys_getsid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p;
    return other ? (int)other->sid : -ESRCH;
}

/* A member of a group, 0 when there is none. */
static struct proc *member_of(uint32_t pgrp)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->pgrp == pgrp)
            return p;
    return 0;
}

/* Of ourselves, or of a child that has not begun another program yet; the group is its own new one,
   or one of its session. */
int sys_setpgid(struct proc *p, const uint32_t a[6])
{
    struct proc *other = a[0] ? proc_find(a[0]) : p, *member;
    uint32_t pgrp;

    if ((int)a[1] < 0)
        return -EINVAL;
    if (!other || (other != p && other->ppid != p->pid))
        return -ESRCH;
    if (other != p && other->sid != p->sid)
        return -EPERM;
    if (other != p && other->task.did_exec)
        return -EACCES;
    if (other->sid == other->pid)
        return -EPERM;
    pgrp = a[1] ? a[1] : other->pid;
    if (pgrp != other->pid) {
        member = member_of(pgrp);
        if (!member || member->sid != p->sid)
            return -EPERM;
    }
    other->pgrp = pgrp;
    return 0;
}

int sys_setsid(struct proc *p, const uint32_t a[6])
{
    (void)a;
    if (member_of(p->pid))
        return -EPERM;
    p->pgrp = p->sid = p->pid;
    p->tty = 0;
    return (int)p->pid;
}
