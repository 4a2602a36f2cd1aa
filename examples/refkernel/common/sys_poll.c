/* poll: looks, and looks again at every tick; wait.obj is when it gives up. */
#include "calls.h"

enum { FDS = NOFILE };

static int16_t ready(struct file *file)
{
    switch (file->kind) {
    case SSM_FILE_TTY:
        return POLLOUT | (ttybuf_has_line() ? POLLIN : 0);
    case SSM_FILE_PIPE_READ:
        return (pipe_used(file->pipe) ? POLLIN : 0) | (file->pipe->writers ? 0 : POLLHUP);
    case SSM_FILE_PIPE_WRITE:
        return (pipe_used(file->pipe) ? 0 : POLLOUT) | (file->pipe->readers ? 0 : POLLERR);
    case SSM_FILE_TIMER:
        return file->offset ? POLLIN : 0;
    default:
        return POLLIN | POLLOUT;
    }
}

int sys_poll(struct proc *p, const uint32_t a[6])
{
    struct abi_pollfd fds[FDS];
    uint64_t when = now(), end = p->wait.restart_nr ? p->wait.obj
                                 : (int)a[2] < 0 ? NEVER : when + (uint64_t)a[2] * 1000000;
    int count = 0;

    if (a[1] > FDS)
        return -EINVAL;
    if (copy_in(fds, a[0], a[1] * sizeof *fds))
        return -EFAULT;
    for (uint32_t i = 0; i < a[1]; i++) {
        struct file *file = fds[i].fd < 0 ? 0 : fd_file(p, (uint32_t)fds[i].fd);
        fds[i].revents = fds[i].fd < 0 ? 0 : POLLNVAL;
        if (file)
            fds[i].revents = ready(file) & (fds[i].events | POLLERR | POLLHUP);
        count += fds[i].revents != 0;
    }
    timer_disarm(SSM_TIMER_SLEEP, p->pid);
    if (count || when >= end)
        return copy_out(a[0], fds, a[1] * sizeof *fds) ? -EFAULT : count;
    if (!timer_arm(SSM_TIMER_SLEEP, p->pid, MIN(end, when + NS_PER_TICK), 0))
        return -ENOMEM;
    proc_block(p, SSM_WAIT_SLEEP, end);
    return BLOCKED;
}
