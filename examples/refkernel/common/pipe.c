/* Pipes as programs see them: a writer's bytes up to PIPE_BUF stay together. */
#include "calls.h"

/* What has been read; 0 at the end: nobody is left to write. */
int pipe_read(struct file *file, uint32_t to, uint32_t len)
{
    struct pipe *pipe = file->pipe;
    uint32_t part = MIN(len, pipe_used(pipe));

    if (!len)
        return 0;
    if (!part) {
        if (!pipe->writers)
            return 0;
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        proc_block(current, SSM_WAIT_PIPE_READ, pipe->id);
        return BLOCKED;
    }
    if (!user_ok(to, part, true))
        return -EFAULT;
    pipe_take(pipe, (void *)to, part);
    wake_all(SSM_WAIT_PIPE_WRITE, pipe->id);
    poll_wake();
    return (int)part;
}

/* What has been written of len bytes; together: all of them or none. */
int pipe_write(struct file *file, uint32_t from, uint32_t len, bool together)
{
    struct pipe *pipe = file->pipe;
    uint32_t room = PIPE_SIZE - pipe_used(pipe);

    if (!pipe->readers) {
        signal_post(current, SIGPIPE);
        return -EPIPE;
    }
    if (!room || (together && room < len)) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        proc_block(current, SSM_WAIT_PIPE_WRITE, pipe->id);
        return BLOCKED;
    }
    len = MIN(len, room);
    if (!user_ok(from, len, false))
        return -EFAULT;
    pipe_put(pipe, (const void *)from, len);
    wake_all(SSM_WAIT_PIPE_READ, pipe->id);
    poll_wake();
    return (int)len;
}

int sys_pipe2(struct proc *p, const uint32_t a[6])
{
    struct file *ends[2] = { 0, 0 };
    int fds[2] = { -ENFILE, -ENFILE };
    struct pipe *pipe;

    if ((a[1] & ~(O_CLOEXEC | O_NONBLOCK)) || !user_ok(a[0], sizeof fds, true))
        return a[1] & ~(O_CLOEXEC | O_NONBLOCK) ? -EINVAL : -EFAULT;
    pipe = pipe_new(0);
    for (int i = 0; pipe && i < 2; i++) {
        ends[i] = file_new(0, i ? SSM_FILE_PIPE_WRITE : SSM_FILE_PIPE_READ,
                           (uint32_t)i | (a[1] & O_NONBLOCK));
        if (!ends[i])
            break;
        ends[i]->pipe = pipe;
        fds[i] = fd_install(p, ends[i], 0, a[1] & O_CLOEXEC);
        if (fds[i] < 0)
            break;
    }
    if (fds[1] < 0) {
        int error = fds[0] < 0 ? fds[0] : fds[1];
        if (fds[0] >= 0)
            fd_set(p, (uint32_t)fds[0], 0, false);
        for (int i = 0; i < 2; i++)
            if (ends[i])
                file_delete(ends[i]);
        if (pipe)
            pipe_delete(pipe);
        return error;
    }
    pipe->readers = pipe->writers = 1;
    return copy_out(a[0], fds, sizeof fds);
}

int sys_pipe(struct proc *p, const uint32_t a[6])
{
    const uint32_t pipe2[6] = { a[0], 0, 0, 0, 0, 0 };
    return sys_pipe2(p, pipe2);
}
