/* System calls that open a path, or go to it. */
#include "calls.h"

/* Where a path of user memory leads, from the folder `dirfd`. */
int walk_in(struct proc *p, uint32_t dirfd, uint32_t at, uint32_t how, struct found *found)
{
    static char path[PATH_MAX];
    struct inode *base = p->cwd;
    int len = copy_string(path, at, sizeof path);

    if (len < 0)
        return len;
    if (path[0] != '/' && path[0] && (int)dirfd != AT_FDCWD) {
        struct file *folder = fd_file(p, dirfd);
        if (!folder)
            return -EBADF;
        if (folder->kind != SSM_FILE_DIRECTORY)
            return -ENOTDIR;
        base = folder->inode;
    }
    return path_walk(base, path, how, found);
}

/* The terminal a device is for p; *error says why there is none. */
static struct tty *tty_of(struct proc *p, uint32_t rdev, int *error)
{
    struct tty *tty = rdev == DEV_TTY ? p->tty : rdev == CONSOLE ? console : 0;

    for (uint32_t n = 1; n <= TTYS && !tty && rdev != DEV_TTY; n++)
        if (tty_find(n) && (tty_find(n)->rdev == rdev || (rdev == TTY0 && n == TTY_VGA)))
            tty = tty_find(n);
    *error = tty ? 0 : -ENXIO;
    return tty;
}

static bool is_device(const struct inode *inode)
{
    return (inode->mode & S_IFMT) == S_IFCHR;
}

/* What kind of open file an inode makes; -errno. */
static int kind_of(const struct inode *inode)
{
    switch (inode->mode & S_IFMT) {
    case S_IFDIR: return SSM_FILE_DIRECTORY;
    case S_IFREG: return inode->ino >= PROC_INO ? SSM_FILE_PROC : SSM_FILE_REGULAR;
    case S_IFCHR:
        if (inode->rdev == NULL_DEVICE || inode->rdev == ZERO || inode->rdev == FULL)
            return SSM_FILE_DEVICE;
        return inode->rdev >> 8 == 4 || inode->rdev >> 8 == 5 ? SSM_FILE_TTY : -ENXIO;
    case S_IFLNK: return -ELOOP;
    default: return -ENXIO;
    }
}

static int may_open(const struct inode *inode, uint32_t flags)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);

    if (is_folder(inode) && (writes || (flags & O_CREAT)))
        return -EISDIR;
    if (!is_folder(inode) && (flags & O_DIRECTORY))
        return -ENOTDIR;
    if (writes && !is_device(inode) && !tmpfs_is(inode))
        return inode->ino >= PROC_INO ? -EACCES : -EROFS;
    return may(inode, ((flags & O_ACCMODE) != O_WRONLY ? MAY_READ : 0) | (writes ? MAY_WRITE : 0))
           ? 0 : -EACCES;
}

/* A new descriptor for an inode; nothing has happened when it fails. */
static int open_inode(struct proc *p, struct inode *inode, uint32_t flags)
{
    int kind = kind_of(inode), error = kind < 0 ? kind : may_open(inode, flags), fd;
    struct tty *tty = 0;
    struct file *file;

    if (!error && kind == SSM_FILE_TTY)
        tty = tty_of(p, inode->rdev, &error);
    if (error)
        return error;
    file = file_new(0, (uint32_t)kind,
                    flags & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_LARGEFILE | O_DIRECTORY));
    if (!file)
        return -ENFILE;
    fd = fd_install(p, file, 0, flags & O_CLOEXEC);
    if (fd < 0) {
        file_delete(file);
        return fd;
    }
    file->inode = inode_hold(inode);
    file->tty = tty;
    if (tty && !(flags & O_NOCTTY))
        tty_opened(p, file);
    if ((flags & O_TRUNC) && kind == SSM_FILE_REGULAR)
        regular_truncate(inode, 0);
    return fd;
}

int sys_openat(struct proc *p, const uint32_t a[6])
{
    struct found found;
    uint32_t flags = a[2];
    int error = walk_in(p, a[0], a[1], (flags & O_CREAT ? WALK_MISSING : 0)
                        | (flags & O_NOFOLLOW || (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL)
                           ? WALK_NOFOLLOW : 0), &found);

    if (error)
        return error;
    if (found.inode && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (!found.inode && found.slash)
        return -EISDIR;
    if (!found.inode)
        error = tmpfs_make(&found, S_IFREG | (a[3] & 07777 & ~p->task.umask), 0);
    return error ? error : open_inode(p, found.inode, flags);
}

int sys_open(struct proc *p, const uint32_t a[6])
{
    const uint32_t openat[6] = { (uint32_t)AT_FDCWD, a[0], a[1], a[2], 0, 0 };
    return sys_openat(p, openat);
}

int sys_creat(struct proc *p, const uint32_t a[6])
{
    const uint32_t open[6] = { a[0], O_CREAT | O_WRONLY | O_TRUNC, a[1], 0, 0, 0 };
    return sys_open(p, open);
}

int sys_faccessat(struct proc *p, const uint32_t a[6])
{
    struct found found;
    int error = walk_in(p, a[0], a[1], 0, &found);

    if (error)
        return error;
    if (a[2] & ~7u)
        return -EINVAL;
    if ((a[2] & 2) && !is_device(found.inode) && !tmpfs_is(found.inode))
        return -EROFS;
    if ((a[2] & 1) && !is_folder(found.inode) && !(found.inode->mode & 0111))
        return -EACCES;
    return may(found.inode, a[2]) ? 0 : -EACCES;
}

int sys_access(struct proc *p, const uint32_t a[6])
{
    const uint32_t faccessat[6] = { (uint32_t)AT_FDCWD, a[0], a[1], 0, 0, 0 };
    return sys_faccessat(p, faccessat);
}

int sys_readlinkat(struct proc *p, const uint32_t a[6])
{
    char text[PATH_MAX / 4];
    struct found found;
    int error = walk_in(p, a[0], a[1], WALK_NOFOLLOW, &found);
    uint32_t len;

    if (error)
        return error;
    if ((found.inode->mode & S_IFMT) != S_IFLNK || (int)a[3] <= 0)
        return -EINVAL;
    len = MIN(link_text(found.inode, text, sizeof text), a[3]);
    return copy_out(a[2], text, len) ? -EFAULT : (int)len;
}

int sys_readlink(struct proc *p, const uint32_t a[6])
{
    const uint32_t readlinkat[6] = { (uint32_t)AT_FDCWD, a[0], a[1], a[2], 0, 0 };
    return sys_readlinkat(p, readlinkat);
}

int sys_getcwd(struct proc *p, const uint32_t a[6])
{
    static char path[PATH_MAX];
    int len = path_of(p->cwd, path, sizeof path);

    if (len < 0)
        return len;
    if (a[1] < (uint32_t)len + 1)
        return -ERANGE;
    return copy_out(a[0], path, (uint32_t)len + 1) ? -EFAULT : len + 1;
}

static int go_to(struct proc *p, struct inode *folder)
{
    if (!is_folder(folder))
        return -ENOTDIR;
    inode_hold(folder);
    inode_release(p->cwd);
    p->cwd = folder;
    return 0;
}

int sys_chdir(struct proc *p, const uint32_t a[6])
{
    struct found found;
    int error = walk_in(p, (uint32_t)AT_FDCWD, a[0], 0, &found);

    return error ? error : go_to(p, found.inode);
}

int sys_fchdir(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    return file->kind == SSM_FILE_DIRECTORY ? go_to(p, file->inode) : -ENOTDIR;
}
