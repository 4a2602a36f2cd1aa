/* System calls that take a path, and what can be asked about a file. */
#include "calls.h"

/* /dev/console and /dev/tty are no files of the initrd. */
static bool is_console(const char *path)
{
    return !strcmp(path, "/dev/console") || !strcmp(path, "/dev/tty");
}

/* /dev/null, which is one of it: empty, and whatever is written to it is gone. */
static bool is_device(const struct inode *inode)
{
    return (inode->mode & S_IFMT) == S_IFCHR;
}

/* The path an openat-like call means: its own, or behind that of the directory dirfd. */
static int path_in(struct proc *p, uint32_t dirfd, uint32_t at, char path[PATH_MAX])
{
    struct file *folder = fd_file(p, dirfd);
    int len = copy_string(path, at, PATH_MAX);

    if (len < 0)
        return len;
    if (!len)
        return -ENOENT;
    if (path[0] == '/' || (int)dirfd == AT_FDCWD)
        return 0;
    if (!folder)
        return -EBADF;
    if (folder->kind != SSM_FILE_DIRECTORY)
        return -ENOTDIR;
    uint32_t prefix = strlen(folder->inode->name);
    if (prefix + 1 + (uint32_t)len + 1 > PATH_MAX)
        return -ENAMETOOLONG;
    memmove(path + prefix + 1, path, (uint32_t)len + 1);
    memcpy(path, folder->inode->name, prefix);
    path[prefix] = '/';
    return 0;
}

int sys_openat(struct proc *p, const uint32_t a[6])
{
    char path[PATH_MAX];
    struct inode *inode = 0;
    struct file *file;
    uint32_t kind = SSM_FILE_TTY;
    int fd = path_in(p, a[0], a[1], path);

    if (fd)
        return fd;
    if (!is_console(path)) {
        inode = initrd_find(path);
        if (!inode)
            return a[2] & O_CREAT ? -EROFS : -ENOENT;
        kind = (inode->mode & S_IFMT) == S_IFDIR ? SSM_FILE_DIRECTORY : SSM_FILE_REGULAR;
        if (kind == SSM_FILE_REGULAR && (a[2] & O_DIRECTORY))
            return -ENOTDIR;
        if (((a[2] & O_ACCMODE) != O_RDONLY || (a[2] & O_TRUNC)) && !is_device(inode))
            return kind == SSM_FILE_DIRECTORY ? -EISDIR : -EROFS;
    }
    file = file_new(0, kind, a[2] & (O_ACCMODE | O_NONBLOCK | O_APPEND | O_LARGEFILE));
    if (!file)
        return -ENFILE;
    file->inode = inode;
    fd = fd_install(p, file, 0, a[2] & O_CLOEXEC);
    if (fd < 0)
        file_delete(file);
    return fd;
}

int sys_open(struct proc *p, const uint32_t a[6])
{
    const uint32_t openat[6] = { (uint32_t)AT_FDCWD, a[0], a[1], a[2], 0, 0 };
    return sys_openat(p, openat);
}

int sys_access(struct proc *p, const uint32_t a[6])
{
    char path[PATH_MAX];
    int error = path_in(p, (uint32_t)AT_FDCWD, a[0], path);
    struct inode *inode;

    if (error || is_console(path))
        return error;
    inode = initrd_find(path);
    if (!inode)
        return -ENOENT;
    if ((a[1] & 2) && !is_device(inode))
        return -EROFS;
    return (a[1] & 1) && !(inode->mode & 0111) ? -EACCES : 0;
}

static int stat_out(uint32_t to, uint32_t kind, const struct inode *inode, uint64_t number)
{
    struct abi_stat64 st;

    memset(&st, 0, sizeof st);
    st.dev = inode ? 1 : 2;
    st.nlink = 1;
    st.blksize = PAGE;
    st.mode = kind == SSM_FILE_TTY ? S_IFCHR | 0620 : S_IFIFO | 0600;
    if (kind == SSM_FILE_TTY)
        st.rdev = 5 << 8 | 1; /* /dev/console */
    if (inode) {
        st.mode = inode->mode;
        st.size = inode->size;
        st.blocks = (inode->size + 511) / 512;
        number = inode->ino;
    }
    st.ino = number;
    st.low_ino = (uint32_t)number;
    return copy_out(to, &st, sizeof st);
}

static int stat_path(struct proc *p, uint32_t dirfd, uint32_t at, uint32_t to)
{
    char path[PATH_MAX];
    int error = path_in(p, dirfd, at, path);
    struct inode *inode;

    if (error)
        return error;
    if (is_console(path))
        return stat_out(to, SSM_FILE_TTY, 0, 1);
    inode = initrd_find(path);
    return inode ? stat_out(to, SSM_FILE_REGULAR, inode, 0) : -ENOENT;
}

/* There are no symbolic links, so lstat64 is the same. */
int sys_stat64(struct proc *p, const uint32_t a[6])
{
    return stat_path(p, (uint32_t)AT_FDCWD, a[0], a[1]);
}

int sys_lstat64(struct proc *p, const uint32_t a[6])
{
    return sys_stat64(p, a);
}

int sys_fstat64(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    bool named;

    if (!file)
        return -EBADF;
    named = file->kind == SSM_FILE_REGULAR || file->kind == SSM_FILE_DIRECTORY;
    return stat_out(a[1], file->kind, named ? file->inode : 0, file->id);
}

int sys_fstatat64(struct proc *p, const uint32_t a[6])
{
    const uint32_t fstat64[6] = { a[0], a[2], 0, 0, 0, 0 };
    char first = 1;

    if ((a[3] & AT_EMPTY_PATH) && !copy_in(&first, a[1], 1) && !first)
        return sys_fstat64(p, fstat64);
    return stat_path(p, a[0], a[1], a[2]);
}

int sys_readlink(struct proc *p, const uint32_t a[6])
{
    char path[PATH_MAX];
    int error = path_in(p, (uint32_t)AT_FDCWD, a[0], path);

    if (error)
        return error;
    return is_console(path) || initrd_find(path) ? -EINVAL : -ENOENT;
}

/* The offset counts entries: ".", "..", then the children. */
int sys_getdents64(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    uint32_t used = 0;

    if (!file)
        return -EBADF;
    if (file->kind != SSM_FILE_DIRECTORY)
        return -ENOTDIR;
    for (;; file->offset++) {
        struct inode *child = file->inode;
        const char *name = file->offset ? ".." : ".";
        struct abi_dirent64 entry;
        uint32_t len;

        if (file->offset >= 2
            && !initrd_child(file->inode, (uint32_t)file->offset - 2, &child, &name))
            return (int)used;
        len = (sizeof entry + strlen(name) + 1 + 7) & ~7u;
        if (len > a[2] - used)
            return used ? (int)used : -EINVAL;
        if (!user_ok(a[1] + used, len, true))
            return -EFAULT;
        entry = (struct abi_dirent64){
            .ino = child->ino, .off = file->offset + 1, .reclen = (uint16_t)len,
            .type = (child->mode & S_IFMT) == S_IFDIR ? DT_DIR : DT_REG,
        };
        copy_out(a[1] + used, &entry, sizeof entry);
        copy_out(a[1] + used + offsetof(struct abi_dirent64, name), name, strlen(name) + 1);
        used += len;
    }
}

int sys_getcwd(struct proc *p, const uint32_t a[6])
{
    (void)p;
    if (a[1] < 2)
        return -ERANGE;
    return copy_out(a[0], "/", 2) ? -EFAULT : 2;
}

/* To the root only: a process does not carry a working directory. */
int sys_chdir(struct proc *p, const uint32_t a[6])
{
    char path[PATH_MAX];
    int error = path_in(p, (uint32_t)AT_FDCWD, a[0], path);
    struct inode *inode;

    if (error)
        return error;
    inode = initrd_find(path);
    if (!inode)
        return -ENOENT;
    if ((inode->mode & S_IFMT) != S_IFDIR)
        return -ENOTDIR;
    return inode->name[0] ? -EACCES : 0;
}
