/* poll and select: they look, wait until anything has happened anywhere, and look again. How long
   is the process's SLEEP timer. */
#include "calls.h"

enum { IN = POLLIN | POLLRDNORM, OUT = POLLOUT | POLLWRNORM, WORDS = (NOFILE + 31) / 32 };

static bool waiting = true; /* somebody may: true at first for those who come in a map */

/* Something can be read or written, or has been closed. */
void poll_wake(void)
{
    if (!waiting)
        return;
    waiting = false;
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->state == P_BLOCKED
            && (p->wait.kind == SSM_WAIT_POLL || p->wait.kind == SSM_WAIT_SELECT))
            proc_wake(p);
}

static int ready(struct file *file)
{
    switch (file->kind) {
    case SSM_FILE_TTY:
        return tty_poll(file);
    case SSM_FILE_PIPE_READ:
        return (pipe_used(file->pipe) ? IN : 0) | (file->pipe->writers ? 0 : POLLHUP);
    case SSM_FILE_PIPE_WRITE:
        return (PIPE_SIZE - pipe_used(file->pipe) >= PIPE_BUF ? OUT : 0)
               | (file->pipe->readers ? 0 : POLLERR);
    case SSM_FILE_TIMER:
        return file->offset ? IN : 0;
    default:
        return IN | OUT;
    }
}

/* Until somebody calls poll_wake() or the time is over; 0: it is. */
static int wait_ready(struct proc *p, uint32_t kind, bool for_ever, uint64_t ns)
{
    uint64_t deadline;

    if (p->wait.restart_nr) {
        if (!for_ever && !timer_read(SSM_TIMER_SLEEP, p->pid, &deadline, 0))
            return 0;
    } else if (!for_ever) {
        if (!ns)
            return 0;
        if (!timer_arm(SSM_TIMER_SLEEP, p->pid, now() + ns, 0))
            return -ENOMEM;
    }
    waiting = true;
    proc_block(p, kind, 0);
    return BLOCKED;
}

/* What n descriptions of files at `at` say; waits as wait_ready() does. */
int poll_files(struct proc *p, uint32_t at, uint32_t n, bool for_ever, uint64_t ns)
{
    struct abi_pollfd fds[NOFILE];
    int count = 0, error;

    if (n > NOFILE)
        return -EINVAL;
    if (copy_in(fds, at, n * sizeof *fds))
        return -EFAULT;
    for (uint32_t i = 0; i < n; i++) {
        struct file *file = fds[i].fd < 0 ? 0 : fd_file(p, (uint32_t)fds[i].fd);
        fds[i].revents = fds[i].fd < 0 ? 0 : POLLNVAL;
        if (file)
            fds[i].revents = (int16_t)(ready(file) & (fds[i].events | POLLERR | POLLHUP));
        count += fds[i].revents != 0;
    }
    error = count ? 0 : wait_ready(p, SSM_WAIT_POLL, for_ever, ns);
    if (error)
        return error;
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    return copy_out(at, fds, n * sizeof *fds) ? -EFAULT : count;
}

int sys_poll(struct proc *p, const uint32_t a[6])
{
    return poll_files(p, a[0], a[1], (int)a[2] < 0, (uint64_t)a[2] * 1000000);
}

struct sets { uint32_t in[WORDS], out[WORDS], except[WORDS]; };

static int sets_in(struct sets *sets, const uint32_t a[6], uint32_t bytes)
{
    memset(sets, 0, sizeof *sets);
    if ((a[1] && copy_in(sets->in, a[1], bytes)) || (a[2] && copy_in(sets->out, a[2], bytes))
        || (a[3] && copy_in(sets->except, a[3], bytes)))
        return -EFAULT;
    return 0;
}

/* Leaves in the sets what is ready; how many, -EBADF. */
static int look(struct proc *p, uint32_t n, struct sets *sets)
{
    int count = 0;

    for (uint32_t fd = 0; fd < n; fd++) {
        uint32_t word = fd / 32, bit = 1u << fd % 32;
        struct file *file = fd_file(p, fd);
        int found;
        if (!((sets->in[word] | sets->out[word] | sets->except[word]) & bit))
            continue;
        if (!file)
            return -EBADF;
        found = ready(file);
        if (!(found & (IN | POLLHUP | POLLERR)))
            sets->in[word] &= ~bit;
        if (!(found & (OUT | POLLERR)))
            sets->out[word] &= ~bit;
        sets->except[word] &= ~bit;
        count += (sets->in[word] & bit ? 1 : 0) + (sets->out[word] & bit ? 1 : 0);
    }
    return count;
}

/* What is left of a time of ns that may have begun when the call was made first. */
uint64_t poll_left(struct proc *p, uint64_t ns)
{
    uint64_t deadline, when = now();

    if (!p->wait.restart_nr)
        return ns;
    return timer_read(SSM_TIMER_SLEEP, p->pid, &deadline, 0) && deadline > when ? deadline - when : 0;
}

/* What is left goes back to the program, as Linux has it: where it cannot be written any more, that
   makes no error of the call. */
static void time_out(uint32_t at, uint64_t ns)
{
    struct abi_timeval left = { (int32_t)(ns / NS_PER_S), (int32_t)(ns % NS_PER_S / 1000) };

    copy_out(at, &left, sizeof left);
}

/* A signal ends select, call nr; p's memory is in use. */
void select_left(struct proc *p, uint32_t nr)
{
    uint32_t old[5], at = p->frame.edi;

    if (nr == NR_select)
        at = copy_in(old, p->frame.ebx, sizeof old) ? 0 : old[4];
    if (at)
        time_out(at, poll_left(p, 0));
}

/* Which of a[0] files of the sets at a[1] to a[3] are ready; waits as wait_ready() does. */
int select_files(struct proc *p, const uint32_t a[6], bool for_ever, uint64_t ns)
{
    uint32_t n = MIN(a[0], (uint32_t)NOFILE), bytes = (n + 31) / 32 * 4;
    struct sets sets;
    int count = (int)a[0] < 0 ? -EINVAL : sets_in(&sets, a, bytes), error;

    if (!count)
        count = look(p, n, &sets);
    error = count ? 0 : wait_ready(p, SSM_WAIT_SELECT, for_ever, ns);
    if (error)
        return error;
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    if (count >= 0 && ((a[1] && copy_out(a[1], sets.in, bytes))
                       || (a[2] && copy_out(a[2], sets.out, bytes))
                       || (a[3] && copy_out(a[3], sets.except, bytes))))
        return -EFAULT;
    return count;
}

int sys_newselect(struct proc *p, const uint32_t a[6])
{
    struct abi_timeval tv = { 0, 0 };
    uint64_t ns, left;
    int count;

    if (a[4] && copy_in(&tv, a[4], sizeof tv))
        return -EFAULT;
    if (!p->wait.restart_nr && (tv.sec < 0 || tv.usec < 0))
        return -EINVAL;
    ns = (uint64_t)tv.sec * NS_PER_S + (uint64_t)tv.usec * 1000;
    left = poll_left(p, ns);
    count = select_files(p, a, !a[4], ns);
    if (a[4] && count >= 0)
        time_out(a[4], count ? left : 0);
    return count;
}

/* The call of Linux 1.0: its arguments are in memory. */
int sys_select(struct proc *p, const uint32_t a[6])
{
    uint32_t newselect[6] = { 0 };

    return copy_in(newselect, a[0], 5 * 4) ? -EFAULT : sys_newselect(p, newselect);
}
