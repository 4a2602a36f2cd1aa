/* System calls about open files: reading, writing, where in them, and closing. */
#include "calls.h"

/* Opened by a path: it has an inode. */
bool file_is_named(const struct file *file)
{
    return file->kind == SSM_FILE_REGULAR || file->kind == SSM_FILE_DIRECTORY
           || file->kind == SSM_FILE_TTY || file->kind == SSM_FILE_DEVICE
           || file->kind == SSM_FILE_PROC;
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
    poll_wake();
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
    lock_file_gone(file);
    if (file_is_named(file))
        inode_release(file->inode);
    file_delete(file);
}

static int read_at(struct file *file, uint64_t offset, uint32_t to, uint32_t len)
{
    if (file->kind == SSM_FILE_PROC)
        return procfs_read(file->inode, offset, to, len);
    if (offset >= file->inode->size)
        return 0;
    len = (uint32_t)MIN(len, file->inode->size - offset);
    return user_ok(to, len, true) ? (int)regular_read(file->inode, offset, (void *)to, len)
                                  : -EFAULT;
}

static int zeros(uint32_t to, uint32_t len)
{
    if (!user_ok(to, len, true))
        return -EFAULT;
    memset((void *)to, 0, len);
    return (int)len;
}

static int file_read(struct proc *p, struct file *file, uint32_t to, uint32_t len)
{
    int n;

    if (!file || (file->flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    switch (file->kind) {
    case SSM_FILE_REGULAR:
    case SSM_FILE_PROC:
        n = read_at(file, file->offset, to, len);
        file->offset += n > 0 ? (uint32_t)n : 0;
        return n;
    case SSM_FILE_TTY: return tty_read(p, file, to, len);
    case SSM_FILE_PIPE_READ: return pipe_read(file, to, len);
    case SSM_FILE_TIMER: return timerfd_read(p, file, to, len);
    case SSM_FILE_DEVICE: return file->inode->rdev == NULL_DEVICE ? 0 : zeros(to, len);
    default: return -EISDIR;
    }
}

int sys_read(struct proc *p, const uint32_t a[6])
{
    return file_read(p, fd_file(p, a[0]), a[1], a[2]);
}

static int write_at(struct file *file, uint64_t offset, uint32_t from, uint32_t len)
{
    if (!user_ok(from, len, false))
        return -EFAULT;
    return regular_write(file->inode, offset, (const void *)from, len);
}

/* Part of a write of `total` bytes. */
static int file_write(struct proc *p, struct file *file, uint32_t from, uint32_t len,
                      uint32_t total)
{
    int n;

    switch (file->kind) {
    case SSM_FILE_REGULAR:
        if (file->flags & O_APPEND)
            file->offset = file->inode->size;
        n = write_at(file, file->offset, from, len);
        file->offset += n > 0 ? (uint32_t)n : 0;
        return n;
    case SSM_FILE_TTY: return tty_write(p, file, from, len);
    case SSM_FILE_PIPE_WRITE: return pipe_write(file, from, len, total <= PIPE_BUF);
    case SSM_FILE_DEVICE: return file->inode->rdev == FULL ? -ENOSPC : (int)len;
    default: return -EINVAL;
    }
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
        part = file_write(p, file, from, len, total);
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
        if ((uint32_t)part < iov[i].len || fd_file(p, a[0])->kind == SSM_FILE_TTY)
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
    lock_fd_closed(p, file);
    file_release(file);
    return 0;
}

static int seek(struct file *file, int64_t offset, uint32_t whence, uint64_t *result)
{
    if (!file)
        return -EBADF;
    if (!file_is_named(file) || file->kind == SSM_FILE_TTY)
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

static int positioned(struct proc *p, const uint32_t a[6], uint32_t wrong, struct file **file)
{
    *file = fd_file(p, a[0]);
    if (!*file || ((*file)->flags & O_ACCMODE) == wrong)
        return -EBADF;
    if ((*file)->kind == SSM_FILE_DIRECTORY)
        return -EISDIR;
    if ((int)a[4] < 0)
        return -EINVAL;
    return (*file)->kind == SSM_FILE_REGULAR || (*file)->kind == SSM_FILE_PROC ? 0 : -ESPIPE;
}

int sys_pread64(struct proc *p, const uint32_t a[6])
{
    struct file *file;
    int error = positioned(p, a, O_WRONLY, &file);

    return error ? error : read_at(file, (uint64_t)a[4] << 32 | a[3], a[1], a[2]);
}

int sys_pwrite64(struct proc *p, const uint32_t a[6])
{
    struct file *file;
    int error = positioned(p, a, O_RDONLY, &file);

    return error ? error : write_at(file, (uint64_t)a[4] << 32 | a[3], a[1], a[2]);
}
