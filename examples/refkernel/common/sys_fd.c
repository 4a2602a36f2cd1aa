/* System calls about descriptors and what can be set of the files they name. */
#include "calls.h"

enum { SETTABLE = O_NONBLOCK | O_APPEND }; /* by F_SETFL */

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
    fd_set(p, to, file, cloexec);
    if (old) {
        lock_fd_closed(p, old);
        file_release(old);
    }
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
        file->flags = (file->flags & ~SETTABLE) | (a[2] & SETTABLE);
        return 0;
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_GETLK64:
    case F_SETLK64:
    case F_SETLKW64:
        return lock_fcntl(p, file, a[1], a[2]);
    default:
        return -EINVAL;
    }
}

int sys_ioctl(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    uint32_t word;

    if (!file)
        return -EBADF;
    switch (a[1]) {
    case FIOCLEX:
    case FIONCLEX:
        fd_set(p, a[0], file, a[1] == FIOCLEX);
        return 0;
    case FIONBIO:
        if (copy_in(&word, a[2], sizeof word))
            return -EFAULT;
        file->flags = (file->flags & ~O_NONBLOCK) | (word ? O_NONBLOCK : 0);
        return 0;
    case FIONREAD:
        if (file->kind == SSM_FILE_PIPE_READ || file->kind == SSM_FILE_PIPE_WRITE)
            word = pipe_used(file->pipe);
        else if (file->kind == SSM_FILE_REGULAR)
            word = file->inode->size - (uint32_t)MIN(file->offset, file->inode->size);
        else
            break;
        return copy_out(a[2], &word, sizeof word);
    }
    return file->kind == SSM_FILE_TTY ? tty_ioctl(p, file, a[1], a[2]) : -ENOTTY;
}
