/* System calls about open files and descriptors. */
#include "calls.h"

/* The lowest free descriptor not below `from`; the caller counts the reference. */
static int fd_unused(struct proc *p, uint32_t from)
{
    for (uint32_t fd = from; fd < NOFILE; fd++)
        if (!fd_file(p, fd))
            return (int)fd;
    return -EMFILE;
}

int fd_install(struct proc *p, struct file *file, uint32_t from, bool cloexec)
{
    int fd = fd_unused(p, from);

    if (fd >= 0) {
        fd_set(p, (uint32_t)fd, file, cloexec);
        file->refs++;
    }
    return fd;
}

static void pipe_close(struct file *file)
{
    struct pipe *pipe = file->pipe;

    if (file->kind == SSM_FILE_PIPE_READ)
        pipe->readers--;
    else
        pipe->writers--;
    wake_all(SSM_WAIT_PIPE_READ, pipe->id);
    wake_all(SSM_WAIT_PIPE_WRITE, pipe->id);
    if (!pipe->readers && !pipe->writers)
        pipe_delete(pipe);
}

/* One descriptor less. */
void file_release(struct file *file)
{
    if (--file->refs)
        return;
    if (file->kind == SSM_FILE_PIPE_READ || file->kind == SSM_FILE_PIPE_WRITE)
        pipe_close(file);
    if (file->kind == SSM_FILE_TIMER)
        timer_disarm(SSM_TIMER_TIMERFD, file->id);
    file_delete(file);
}

static int regular_read(struct file *file, uint32_t to, uint32_t len)
{
    uint64_t size = file->inode->size;

    if (file->offset >= size)
        return 0;
    len = (uint32_t)MIN(len, size - file->offset);
    if (copy_out(to, file->inode->data + file->offset, len))
        return -EFAULT;
    file->offset += len;
    return (int)len;
}

static int file_read(struct proc *p, struct file *file, uint32_t to, uint32_t len)
{
    if (!file || (file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    switch (file->kind) {
    case SSM_FILE_REGULAR: return regular_read(file, to, len);
    case SSM_FILE_TTY: return tty_read(file, to, len);
    case SSM_FILE_PIPE_READ: return pipe_read(file, to, len);
    case SSM_FILE_TIMER: return timerfd_read(p, file, to, len);
    default: return -EISDIR;
    }
}

int sys_read(struct proc *p, const uint32_t a[6])
{
    return file_read(p, fd_file(p, a[0]), a[1], a[2]);
}

/* All vectors of a writev, the first p->wait.progress bytes of which are done. */
static int write_all(struct proc *p, struct file *file, const struct abi_iovec *iov, uint32_t n)
{
    uint32_t total = 0, done = p->wait.progress, skip = done;

    if (!file || (file->flags & O_ACCMODE) == O_RDONLY)
        return -EBADF;
    for (uint32_t i = 0; i < n; i++)
        total += iov[i].len;
    while (n && done < total) {
        uint32_t from = iov->base + skip, len = iov->len - MIN(skip, iov->len);
        int part;
        if (!len) {
            skip -= iov->len;
            iov++, n--;
            continue;
        }
        if (file->kind == SSM_FILE_TTY)
            part = tty_write(from, len);
        else if (file->kind == SSM_FILE_PIPE_WRITE)
            part = pipe_write(file, from, len, total <= PIPE_BUF);
        else if (file->kind == SSM_FILE_REGULAR) /* only /dev/null is open for writing */
            part = (int)len;
        else
            part = -EINVAL;
        if (part < 0 && part != BLOCKED)
            return done ? (int)done : part;
        if (part > 0)
            done += (uint32_t)part, skip += (uint32_t)part;
        p->wait.progress = done;
        /* between the parts of a long output interrupts come in, on the way to the same call */
        if (part == BLOCKED || (file->kind == SSM_FILE_TTY && done < total))
            return BLOCKED;
    }
    return (int)done;
}

int sys_write(struct proc *p, const uint32_t a[6])
{
    struct abi_iovec iov = { a[1], a[2] };

    return write_all(p, fd_file(p, a[0]), &iov, 1);
}

enum { IOVECS = 16 };

static int iovec_in(struct abi_iovec *iov, const uint32_t a[6])
{
    if (a[2] > IOVECS)
        return -EINVAL;
    return copy_in(iov, a[1], a[2] * sizeof *iov);
}

int sys_writev(struct proc *p, const uint32_t a[6])
{
    struct abi_iovec iov[IOVECS];
    int error = iovec_in(iov, a);

    return error ? error : write_all(p, fd_file(p, a[0]), iov, a[2]);
}

int sys_readv(struct proc *p, const uint32_t a[6])
{
    struct abi_iovec iov[IOVECS];
    int done = 0, part = iovec_in(iov, a);

    if (part)
        return part;
    for (uint32_t i = 0; i < a[2]; i++) {
        part = file_read(p, fd_file(p, a[0]), iov[i].base, iov[i].len);
        if (part == BLOCKED && done)
            proc_wake(p); /* what is there is enough */
        if (part < 0)
            return done ? done : part;
        done += part;
        if ((uint32_t)part < iov[i].len)
            break;
    }
    return done;
}

int sys_close(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    fd_set(p, a[0], 0, false);
    file_release(file);
    return 0;
}

int sys_dup(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    return file ? fd_install(p, file, 0, false) : -EBADF;
}

static int dup_to(struct proc *p, uint32_t from, uint32_t to, bool cloexec)
{
    struct file *file = fd_file(p, from), *old;

    if (!file || to >= NOFILE)
        return -EBADF;
    if (from == to)
        return (int)to;
    file->refs++;
    old = fd_file(p, to);
    if (old)
        file_release(old);
    fd_set(p, to, file, cloexec);
    return (int)to;
}

int sys_dup2(struct proc *p, const uint32_t a[6])
{
    return dup_to(p, a[0], a[1], false);
}

int sys_dup3(struct proc *p, const uint32_t a[6])
{
    return a[0] == a[1] ? -EINVAL : dup_to(p, a[0], a[1], a[2] & O_CLOEXEC);
}

static int seek(struct file *file, int64_t offset, uint32_t whence, uint64_t *result)
{
    if (!file)
        return -EBADF;
    if (file->kind != SSM_FILE_REGULAR && file->kind != SSM_FILE_DIRECTORY)
        return -ESPIPE;
    if (whence == 1)
        offset += (int64_t)file->offset;
    else if (whence == 2)
        offset += (int64_t)file->inode->size;
    else if (whence)
        return -EINVAL;
    if (offset < 0)
        return -EINVAL;
    *result = file->offset = (uint64_t)offset;
    return 0;
}

int sys_lseek(struct proc *p, const uint32_t a[6])
{
    uint64_t at;
    int error = seek(fd_file(p, a[0]), (int32_t)a[1], a[2], &at);

    return error ? error : (int)at;
}

int sys_llseek(struct proc *p, const uint32_t a[6])
{
    uint64_t at;
    int error = seek(fd_file(p, a[0]), (int64_t)((uint64_t)a[1] << 32 | a[2]), a[4], &at);

    return error ? error : copy_out(a[3], &at, sizeof at);
}

int sys_fcntl(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    switch (a[1]) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return a[2] < NOFILE ? fd_install(p, file, a[2], a[1] == F_DUPFD_CLOEXEC) : -EINVAL;
    case F_GETFD:
        return fd_cloexec(p, a[0]);
    case F_SETFD:
        fd_set(p, a[0], file, a[2] & FD_CLOEXEC);
        return 0;
    case F_GETFL:
        return (int)file->flags;
    case F_SETFL:
        file->flags = (file->flags & ~O_NONBLOCK) | (a[2] & O_NONBLOCK);
        return 0;
    default:
        return -EINVAL;
    }
}

/* What TCGETS says of the console is fixed: lines, echo, CR LF. */
int sys_ioctl(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    struct abi_termios termios = { 0x0100, 0x0005, 0x0CBD, 0x003B, 0, /* ICRNL; OPOST ONLCR; ... */
                                   { 3, 0x1C, 0x7F, 0x15, 4, 0, 1 } };
    struct abi_winsize size = { 25, 80, 0, 0 };

    if (!file)
        return -EBADF;
    if (file->kind != SSM_FILE_TTY)
        return -ENOTTY;
    switch (a[1]) {
    case TCGETS: return copy_out(a[2], &termios, 36);
    case TIOCGWINSZ: return copy_out(a[2], &size, sizeof size);
    case TIOCGPGRP: return copy_out(a[2], &p->pgrp, sizeof p->pgrp);
    default: return -EINVAL;
    }
}
