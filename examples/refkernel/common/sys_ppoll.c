/* ppoll and pselect6: poll and select under a signal mask of their own, with times in ns. The mask to
   go back to is in wait, as sigsuspend has it. */
#include "calls.h"

/* 0, or an error, and nothing has changed. */
static int put_mask(struct proc *p, uint32_t at, uint32_t len)
{
    uint64_t mask;

    if (!at)
        return 0;
    if (len != sizeof mask)
        return -EINVAL;
    if (copy_in(&mask, at, sizeof mask))
        return -EFAULT;
    if (!p->wait.masked) {
        p->wait.masked = true;
        p->wait.saved_mask = p->sig_mask;
    }
    p->sig_mask = mask & ~UNBLOCKABLE;
    return 0;
}

static void time_out(uint32_t at, uint64_t ns)
{
    struct abi_timespec left = timespec_of(ns);

    copy_out(at, &left, sizeof left);
}

/* The call ends, or waits, in which case a signal the mask lets through ends it. */
static int finish(struct proc *p, int result, uint32_t at, uint64_t left)
{
    if (result == BLOCKED) {
        if (p->sig_pending & ~p->sig_mask)
            proc_wake(p);
        return BLOCKED;
    }
    if (p->wait.masked)
        p->sig_mask = p->wait.saved_mask;
    if (at && result >= 0)
        time_out(at, result ? left : 0);
    return result;
}

/* A signal ends call nr; p's memory is in use. */
void ppoll_left(struct proc *p, uint32_t nr)
{
    uint32_t at = nr == NR_ppoll ? p->frame.edx : p->frame.edi;

    if (at)
        time_out(at, poll_left(p, 0));
}

/* How long to wait at most; who has begun to has a timer. */
static int time_in(struct proc *p, uint32_t at, uint64_t *ns)
{
    *ns = 0;
    if (!at || p->wait.restart_nr || timespec_in(at, ns))
        return 0;
    return user_ok(at, sizeof(struct abi_timespec), false) ? -EINVAL : -EFAULT;
}

int sys_ppoll(struct proc *p, const uint32_t a[6])
{
    uint64_t ns, left;
    int error = time_in(p, a[2], &ns);

    if (!error)
        error = put_mask(p, a[3], a[4]);
    if (error)
        return error;
    left = poll_left(p, ns);
    return finish(p, poll_files(p, a[0], a[1], !a[2], ns), a[2], left);
}

/* a[5]: the address and the length of the mask. */
int sys_pselect6(struct proc *p, const uint32_t a[6])
{
    uint64_t ns, left;
    uint32_t mask[2] = { 0, 0 };
    int error = a[5] && copy_in(mask, a[5], sizeof mask) ? -EFAULT : time_in(p, a[4], &ns);

    if (!error)
        error = put_mask(p, mask[0], mask[1]);
    if (error)
        return error;
    left = poll_left(p, ns);
    return finish(p, select_files(p, a, !a[4], ns), a[4], left);
}
