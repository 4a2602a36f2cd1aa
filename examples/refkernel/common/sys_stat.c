/* System calls that tell about files, folders and file systems. */
#include "calls.h"

static int stat_out(uint32_t to, struct file *file, struct inode *inode)
{
    struct abi_stat64 st = { .dev = 2, .nlink = 1, .blksize = PAGE };

    if (inode) {
        st.dev = procfs_is(inode) ? 4 : tmpfs_is(inode) ? 3 : 1;
        st.ino = inode->ino;
        st.mode = inode->mode, st.rdev = inode->rdev, st.uid = inode->uid, st.gid = inode->gid;
        st.size = inode->size;
        st.blocks = tmpfs_is(inode) ? inode_pages(inode) * (PAGE / 512) : (inode->size + 511) / 512;
        st.atime = (uint32_t)(inode->atime / NS_PER_S);
        st.atime_nsec = (uint32_t)(inode->atime % NS_PER_S);
        st.mtime = (uint32_t)(inode->mtime / NS_PER_S);
        st.mtime_nsec = (uint32_t)(inode->mtime % NS_PER_S);
        st.ctime = (uint32_t)(inode->ctime / NS_PER_S);
        st.ctime_nsec = (uint32_t)(inode->ctime % NS_PER_S);
        if (is_folder(inode))
            st.nlink = 2;
        if (!inode->parent)
            st.nlink = 0;
    } else {
        bool pipe = file->kind == SSM_FILE_PIPE_READ || file->kind == SSM_FILE_PIPE_WRITE;
        st.mode = pipe ? S_IFIFO | 0600 : 0600;
        st.ino = pipe ? file->pipe->id : file->id;
    }
    st.low_ino = (uint32_t)st.ino;
    return copy_out(to, &st, sizeof st);
}

static int stat_path(struct proc *p, uint32_t dirfd, uint32_t at, uint32_t how, uint32_t to)
{
    struct found found;
    int error = walk_in(p, dirfd, at, how, &found);

    return error ? error : stat_out(to, 0, found.inode);
}

int sys_stat64(struct proc *p, const uint32_t a[6])
{
    return stat_path(p, (uint32_t)AT_FDCWD, a[0], 0, a[1]);
}

int sys_lstat64(struct proc *p, const uint32_t a[6])
{
    return stat_path(p, (uint32_t)AT_FDCWD, a[0], WALK_NOFOLLOW, a[1]);
}

int sys_fstat64(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    return stat_out(a[1], file, file_is_named(file) ? file->inode : 0);
}

int sys_fstatat64(struct proc *p, const uint32_t a[6])
{
    const uint32_t fstat64[6] = { a[0], a[2], 0, 0, 0, 0 };
    char first = 1;

    if ((a[3] & AT_EMPTY_PATH) && !copy_in(&first, a[1], 1) && !first)
        return sys_fstat64(p, fstat64);
    return stat_path(p, a[0], a[1], a[3] & AT_SYMLINK_NOFOLLOW ? WALK_NOFOLLOW : 0, a[2]);
}

/* The entry at *place or behind it: 0 is ".", 1 "..", and on from 2 the numbers of inodes. */
static struct inode *entry_at(struct inode *folder, uint64_t *place, const char **name)
{
    uint32_t at = *place < 2 ? 0 : (uint32_t)*place - 2;
    struct inode *child;

    if (*place < 2) {
        *name = *place ? ".." : ".";
        return *place ? folder->parent ? folder->parent : folder : folder;
    }
    if (procfs_is(folder)) {
        child = procfs_next(folder, &at);
        *place = at + 2;
    } else {
        child = inode_child(folder, at);
        *place = child ? child->ino + 2ull : *place;
    }
    if (child)
        *name = child->name;
    return child;
}

/* The offset is where the next entry is looked for. */
int sys_getdents64(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);
    uint32_t used = 0;

    if (!file)
        return -EBADF;
    if (file->kind != SSM_FILE_DIRECTORY)
        return -ENOTDIR;
    for (;;) {
        uint64_t place = file->offset;
        const char *name = "";
        struct inode *child = entry_at(file->inode, &place, &name);
        struct abi_dirent64 entry;
        uint32_t len;

        if (!child)
            return (int)used;
        len = (sizeof entry + strlen(name) + 1 + 7) & ~7u;
        if (len > a[2] - used)
            return used ? (int)used : -EINVAL;
        if (!user_ok(a[1] + used, len, true))
            return -EFAULT;
        place += place < 2 ? 1 : 0;
        entry = (struct abi_dirent64){
            .ino = child->ino, .off = place, .reclen = (uint16_t)len,
            .type = (uint8_t)(child->mode >> 12 & 15),
        };
        copy_out(a[1] + used, &entry, sizeof entry);
        copy_out(a[1] + used + offsetof(struct abi_dirent64, name), name, strlen(name) + 1);
        used += len;
        file->offset = place;
    }
}

static int statfs_out(const struct inode *inode, uint32_t size, uint32_t to)
{
    bool tmp = inode && tmpfs_is(inode);
    struct abi_statfs64 st = {
        .type = !inode || procfs_is(inode) ? PROC_MAGIC : tmp ? TMPFS_MAGIC : RAMFS_MAGIC,
        .bsize = PAGE, .frsize = PAGE, .namelen = NAME_MAX,
        .blocks = tmp ? tmpfs_pages_max() : inode && !procfs_is(inode) ? PAGES(memory.initrd_len) : 0,
        .bfree = tmp ? tmpfs_pages_max() - tmpfs_pages() : 0,
        .flags = 0x20 | (tmp ? 8 : 1), /* valid; noexec or read-only */
    };

    st.bavail = st.bfree;
    if (size != sizeof st)
        return -EINVAL;
    return copy_out(to, &st, sizeof st);
}

int sys_statfs64(struct proc *p, const uint32_t a[6])
{
    struct found found;
    int error = walk_in(p, (uint32_t)AT_FDCWD, a[0], 0, &found);

    return error ? error : statfs_out(found.inode, a[1], a[2]);
}

int sys_fstatfs64(struct proc *p, const uint32_t a[6])
{
    struct file *file = fd_file(p, a[0]);

    if (!file)
        return -EBADF;
    return statfs_out(file_is_named(file) ? file->inode : 0, a[1], a[2]);
}
