/* /tmp: files, folders and symbolic links that can be made and removed; they go when the machine
   does, not when the kernel does. Numbers are given out once. */
#include "kernel.h"

struct name { char text[NAME_MAX + 1]; };

static struct inode *mount;
static bool used; /* something has been made in it */
static uint32_t last_ino = INO_TMP;
static struct pool names = { .size = sizeof(struct name) };

/* It is taken over from another kernel. */
void tmpfs_restore(void) { used = true; }

void tmpfs_init(struct inode *folder)
{
    mount = folder;
    mount->mode |= 01777;
}

/* In it, or its root. */
bool tmpfs_is(const struct inode *inode)
{
    return inode == mount || (inode->ino >= INO_TMP && inode->ino < PROC_INO);
}

struct inode *tmpfs_root(void) { return mount; }
bool tmpfs_used(void) { return used; }

static char *new_name(const char *text)
{
    struct name *name = pool_take(&names);

    if (name)
        copy_name(name->text, sizeof name->text, text);
    return name ? name->text : 0;
}

/* ino 0: the next number; `link`: what a symbolic link says. 0: no memory. */
struct inode *tmpfs_new(uint32_t ino, struct inode *folder, const char *text, uint32_t mode,
                        const char *link)
{
    char *name = new_name(text), *target = link ? new_name(link) : 0;
    struct inode *inode = name && (target || !link)
                          ? inode_new(ino ? ino : last_ino + 1, folder, name, mode) : 0;

    if (!inode) {
        if (name)
            pool_give(&names, name);
        if (target)
            pool_give(&names, target);
        return 0;
    }
    last_ino = MAX(last_ino, inode->ino);
    inode->data = (const uint8_t *)target;
    inode->size = link ? strlen(link) : 0;
    inode->atime = inode->mtime = inode->ctime = real_time();
    return inode;
}

/* Nobody uses it and no folder has it. */
void tmpfs_forget(struct inode *inode)
{
    if (!tmpfs_is(inode))
        return;
    tmpfs_count(-inode_pages(inode));
    if (inode->data)
        pool_give(&names, (void *)inode->data);
    inode_delete(inode);
}

static void touch(struct inode *folder)
{
    used = true;
    folder->mtime = folder->ctime = real_time();
}

/* Makes what a walk has found missing. */
int tmpfs_make(struct found *found, uint32_t mode, const char *link)
{
    if (!tmpfs_is(found->folder))
        return -EROFS;
    if (!found->folder->parent)
        return -ENOENT;
    if (!may(found->folder, MAY_WRITE))
        return -EACCES;
    found->inode = tmpfs_new(0, found->folder, found->name, mode, link);
    if (!found->inode)
        return -ENOSPC;
    if (current)
        found->inode->uid = current->task.user.fs, found->inode->gid = current->task.group.fs;
    touch(found->folder);
    return 0;
}

/* In no folder any more. */
void tmpfs_orphan(struct inode *inode)
{
    pool_give(&names, (void *)inode->name);
    inode_move(inode, 0, "");
}

/* Out of its folder; its bytes stay as long as somebody has it open. */
static void detach(struct inode *inode)
{
    touch(inode->parent);
    tmpfs_orphan(inode);
    inode->ctime = real_time();
    inode_hold(inode);
    inode_release(inode);
}

/* In a folder with the sticky bit, such as /tmp, only who owns it. */
static bool may_remove(const struct inode *inode)
{
    uint32_t user = current->task.user.fs;

    return may(inode->parent, MAY_WRITE)
           && (!user || !(inode->parent->mode & 01000) || user == inode->uid
               || user == inode->parent->uid);
}

int tmpfs_unlink(struct found *found)
{
    if (is_folder(found->inode))
        return -EISDIR;
    if (!tmpfs_is(found->inode))
        return -EROFS;
    if (!may_remove(found->inode))
        return -EPERM;
    detach(found->inode);
    return 0;
}

int tmpfs_rmdir(struct found *found)
{
    if (!is_folder(found->inode))
        return -ENOTDIR;
    if (found->inode == mount)
        return -EBUSY;
    if (!tmpfs_is(found->inode))
        return -EROFS;
    if (!may_remove(found->inode))
        return -EPERM;
    if (inode_beside(found->inode, 0))
        return -ENOTEMPTY;
    detach(found->inode);
    return 0;
}

static bool is_inside(const struct inode *inode, const struct inode *folder)
{
    for (; inode->ino != INO_ROOT; inode = inode->parent)
        if (inode == folder)
            return true;
    return false;
}

int tmpfs_rename(struct found *from, struct found *to)
{
    struct inode *inode = from->inode;
    char *name;
    int error = 0;

    if (inode == mount || to->inode == mount)
        return -EBUSY;
    if (!tmpfs_is(inode) || !tmpfs_is(to->folder))
        return tmpfs_is(inode) != tmpfs_is(to->folder) ? -EXDEV : -EROFS;
    if (inode == to->inode)
        return 0;
    if (is_folder(inode) && is_inside(to->folder, inode))
        return -EINVAL;
    if (to->inode && is_folder(inode) && !is_folder(to->inode))
        return -ENOTDIR;
    if (!may_remove(inode) || !may(to->folder, MAY_WRITE))
        return -EPERM;
    name = new_name(to->name);
    if (!name)
        return -ENOSPC;
    if (to->inode)
        error = is_folder(inode) ? tmpfs_rmdir(to) : tmpfs_unlink(to);
    if (error) {
        pool_give(&names, name);
        return error;
    }
    touch(inode->parent);
    pool_give(&names, (void *)inode->name);
    inode_move(inode, to->folder, name);
    touch(to->folder);
    return 0;
}
