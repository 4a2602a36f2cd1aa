/* System calls that change the file system, which they can in /tmp only. */
#include "calls.h"

enum { FDCWD = AT_FDCWD };

static int make(struct proc *p, uint32_t dirfd, uint32_t at, uint32_t mode, const char *link)
{
    struct found found;
    int error = walk_in(p, dirfd, at, WALK_MISSING | WALK_NOFOLLOW, &found);

    if (error)
        return error;
    if (found.inode)
        return -EEXIST;
    if (found.slash && (mode & S_IFMT) != S_IFDIR)
        return -ENOENT;
    return tmpfs_make(&found, mode, link);
}

int sys_mkdirat(struct proc *p, const uint32_t a[6])
{
    return make(p, a[0], a[1], S_IFDIR | (a[2] & 01777 & ~p->task.umask), 0);
}

int sys_mkdir(struct proc *p, const uint32_t a[6])
{
    const uint32_t mkdirat[6] = { (uint32_t)FDCWD, a[0], a[1], 0, 0, 0 };
    return sys_mkdirat(p, mkdirat);
}

int sys_symlinkat(struct proc *p, const uint32_t a[6])
{
    char text[NAME_MAX + 1];
    int len = copy_string(text, a[0], sizeof text);

    if (len <= 0)
        return len ? len : -ENOENT;
    return make(p, a[1], a[2], S_IFLNK | 0777, text);
}

int sys_symlink(struct proc *p, const uint32_t a[6])
{
    const uint32_t symlinkat[6] = { a[0], (uint32_t)FDCWD, a[1], 0, 0, 0 };
    return sys_symlinkat(p, symlinkat);
}

/* Neither hard links nor device files: EPERM, as a file system without them says. */
int sys_link(struct proc *p, const uint32_t a[6])
{
    (void)p, (void)a;
    return -EPERM;
}

int sys_unlinkat(struct proc *p, const uint32_t a[6])
{
    struct found found;
    int error = a[2] & ~(uint32_t)AT_REMOVEDIR ? -EINVAL
                : walk_in(p, a[0], a[1], WALK_NOFOLLOW, &found);

    if (error)
        return error;
    if (!found.name[0]) /* ".", ".." or "/" */
        return a[2] ? found.inode->ino == INO_ROOT ? -EBUSY : -EINVAL : -EISDIR;
    return a[2] ? tmpfs_rmdir(&found) : tmpfs_unlink(&found);
}

int sys_unlink(struct proc *p, const uint32_t a[6])
{
    const uint32_t unlinkat[6] = { (uint32_t)FDCWD, a[0], 0, 0, 0, 0 };
    return sys_unlinkat(p, unlinkat);
}

int sys_rmdir(struct proc *p, const uint32_t a[6])
{
    const uint32_t unlinkat[6] = { (uint32_t)FDCWD, a[0], AT_REMOVEDIR, 0, 0, 0 };
    return sys_unlinkat(p, unlinkat);
}

int sys_renameat(struct proc *p, const uint32_t a[6])
{
    struct found from, to;
    int error = walk_in(p, a[0], a[1], WALK_NOFOLLOW, &from);

    if (!error)
        error = walk_in(p, a[2], a[3], WALK_MISSING | WALK_NOFOLLOW, &to);
    if (error)
        return error;
    if (!from.name[0] || !to.name[0])
        return -EBUSY;
    if (!is_folder(from.inode) && to.slash)
        return -ENOTDIR;
    return tmpfs_rename(&from, &to);
}

int sys_rename(struct proc *p, const uint32_t a[6])
{
    const uint32_t renameat[6] = { (uint32_t)FDCWD, a[0], (uint32_t)FDCWD, a[1], 0, 0 };
    return sys_renameat(p, renameat);
}

static int truncate_path(struct proc *p, uint32_t at, uint64_t size)
{
    struct found found;
    int error = walk_in(p, (uint32_t)FDCWD, at, 0, &found);

    if (error)
        return error;
    if ((int64_t)size < 0 || (found.inode->mode & S_IFMT) == S_IFCHR)
        return -EINVAL;
    return may(found.inode, MAY_WRITE) ? regular_truncate(found.inode, size) : -EACCES;
}

static int truncate_file(struct proc *p, uint32_t fd, uint64_t size)
{
    struct file *file = fd_file(p, fd);

    if (!file)
        return -EBADF;
    if (file->kind != SSM_FILE_REGULAR || (file->flags & O_ACCMODE) == O_RDONLY
        || (int64_t)size < 0)
        return -EINVAL;
    return regular_truncate(file->inode, size);
}

int sys_truncate(struct proc *p, const uint32_t a[6])
{
    return truncate_path(p, a[0], (uint64_t)(int32_t)a[1]);
}

int sys_truncate64(struct proc *p, const uint32_t a[6])
{
    return truncate_path(p, a[0], (uint64_t)a[2] << 32 | a[1]);
}

int sys_ftruncate(struct proc *p, const uint32_t a[6])
{
    return truncate_file(p, a[0], (uint64_t)(int32_t)a[1]);
}

int sys_ftruncate64(struct proc *p, const uint32_t a[6])
{
    return truncate_file(p, a[0], (uint64_t)a[2] << 32 | a[1]);
}

static int set_mode(struct inode *inode, uint32_t mode)
{
    if (!tmpfs_is(inode))
        return -EROFS;
    if (current->task.user.fs && current->task.user.fs != inode->uid)
        return -EPERM;
    inode->mode = (inode->mode & S_IFMT) | (mode & 07777);
    inode->ctime = real_time();
    return 0;
}

int sys_fchmodat(struct proc *p, const uint32_t a[6])
{
    struct found found;
    int error = walk_in(p, a[0], a[1], 0, &found);

    return error ? error : set_mode(found.inode, a[2]);
}

int sys_chmod(struct proc *p, const uint32_t a[6])
{
    const uint32_t fchmodat[6] = { (uint32_t)FDCWD, a[0], a[1], 0, 0, 0 };
    return sys_fchmodat(p, fchmodat);
}

int sys_fchmod(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    return file_is_named(file) ? set_mode(file->inode, a[1]) : -EINVAL;
}

/* utimensat; without times: now. */
int sys_utimensat(struct proc *p, const uint32_t a[6])
{
    struct file *file = a[1] ? 0 : fd_file(p, a[0]);
    struct found found = { .inode = file && file_is_named(file) ? file->inode : 0 };
    struct abi_timespec times[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
    int error = a[1] ? walk_in(p, a[0], a[1], a[3] & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0, &found)
                : found.inode ? 0 : -EBADF;
    uint64_t when = real_time();

    if (error)
        return error;
    if (a[2] && copy_in(times, a[2], sizeof times))
        return -EFAULT;
    if (!tmpfs_is(found.inode))
        return -EROFS;
    if (!may(found.inode, MAY_WRITE))
        return -EACCES;
    for (int i = 0; i < 2; i++) {
        uint64_t *to = i ? &found.inode->mtime : &found.inode->atime;
        if (times[i].nsec == UTIME_NOW)
            *to = when;
        else if (times[i].nsec != UTIME_OMIT)
            *to = (uint64_t)times[i].sec * NS_PER_S + (uint32_t)times[i].nsec;
    }
    found.inode->ctime = when;
    return 0;
}

/* What is in /tmp is nowhere else: there is nothing to be written back. */
int sys_sync(struct proc *p, const uint32_t a[6]) { (void)p, (void)a; return 0; }

int sys_fsync(struct proc *p, const uint32_t a[6])
{
    return fd_file(p, a[0]) ? file_is_named(fd_file(p, a[0])) ? 0 : -EINVAL : -EBADF;
}
