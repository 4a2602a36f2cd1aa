/* From a path to an inode, through folders and symbolic links (path_resolution(7)). */
#include "kernel.h"

enum { LINKS = 40 }; /* symbolic links followed before ELOOP */

struct inode *root(void)
{
    return inode_find(INO_ROOT);
}

bool is_folder(const struct inode *inode)
{
    return (inode->mode & S_IFMT) == S_IFDIR;
}

/* The bits of mode for whoever calls; the kernel itself, and user 0, may all. */
bool may(const struct inode *inode, uint32_t what)
{
    uint32_t user = current ? current->task.user.fs : 0;
    uint32_t shift = user == inode->uid ? 6 : current && current->task.group.fs == inode->gid ? 3 : 0;

    return !user || (inode->mode >> shift & what) == what;
}

static struct inode *child_of(struct inode *folder, const char *name, uint32_t len)
{
    if (procfs_is(folder))
        return procfs_child(folder, name, len);
    for (struct inode *each = inode_beside(folder, 0); each; each = inode_beside(folder, each))
        if (!strncmp(each->name, name, len) && !each->name[len])
            return each;
    return 0;
}

/* What a symbolic link says goes in front of the rest of the path. */
static int splice(char *text, const char *rest, const struct inode *link)
{
    char to[PATH_MAX / 4];
    uint32_t len = link_text(link, to, sizeof to), more = strlen(rest);

    if (len >= sizeof to || len + more + 1 > PATH_MAX)
        return -ENAMETOOLONG;
    memmove(text + len, rest, more + 1);
    memcpy(text, to, len);
    return 0;
}

/* Walks from `base`. In found->inode what is there; 0 when only the last component is missing and
   `how` has WALK_MISSING. found->name is that component, "" when it is none (/, . or ..). */
int path_walk(struct inode *base, const char *path, uint32_t how, struct found *found)
{
    static char text[PATH_MAX];
    const char *at = text;
    struct inode *here = path[0] == '/' ? root() : base, *child;
    uint32_t len;
    int links = 0, error;

    if (!path[0])
        return -ENOENT;
    len = MIN(strlen(path), sizeof text - 1);
    memcpy(text, path, len);
    text[len] = 0;
    for (;;) {
        bool last;

        len = 0;
        while (*at == '/')
            at++;
        if (!*at) {
            *found = (struct found){ .folder = here->parent, .inode = here, .slash = true };
            return 0;
        }
        while (at[len] && at[len] != '/')
            len++;
        if (!is_folder(here))
            return -ENOTDIR;
        if (!may(here, MAY_EXECUTE))
            return -EACCES;
        if (!here->parent && here->ino != INO_ROOT && !procfs_is(here))
            return -ENOENT; /* it has been removed */
        if (len > NAME_MAX)
            return -ENAMETOOLONG;
        if (at[0] == '.' && (len == 1 || (len == 2 && at[1] == '.'))) {
            here = len == 2 ? here->parent : here;
            at += len;
            continue;
        }
        child = child_of(here, at, len);
        last = true;
        for (const char *rest = at + len; *rest; rest++)
            last &= *rest == '/';
        if (child && (child->mode & S_IFMT) == S_IFLNK
            && (!last || !(how & WALK_NOFOLLOW) || at[len])) {
            struct inode *target = procfs_target(child);
            if (++links > LINKS)
                return -ELOOP;
            if (target && last && !at[len]) {
                *found = (struct found){ .folder = target->parent, .inode = target };
                return 0;
            }
            error = target ? 0 : splice(text, at + len, child);
            if (error)
                return error;
            here = target ? target : text[0] == '/' ? root() : here;
            at = target ? at + len : text;
            continue;
        }
        if (!child && (!last || !(how & WALK_MISSING)))
            return -ENOENT;
        if (last) {
            *found = (struct found){ .folder = here, .inode = child, .slash = at[len] };
            memcpy(found->name, at, len);
            found->name[len] = 0;
            return child && found->slash && !is_folder(child) ? -ENOTDIR : 0;
        }
        here = child;
        at += len;
    }
}

/* What is at a path from the root; 0: nothing. */
struct inode *path_lookup(const char *path)
{
    struct found found;

    if (!*path)
        return root();
    return path_walk(root(), path, 0, &found) ? 0 : found.inode;
}

/* Writes the path of an inode, from its end to the front of `text`; -ENOENT: it has been removed. */
int path_of(const struct inode *inode, char *text, uint32_t room)
{
    uint32_t at = room - 1;

    text[at] = 0;
    for (; inode->ino != INO_ROOT; inode = inode->parent) {
        uint32_t len = inode->parent ? strlen(inode->name) : 0;
        if (!inode->parent)
            return -ENOENT;
        if (at < len + 1)
            return -ENAMETOOLONG;
        memcpy(text + (at -= len), inode->name, len);
        text[--at] = '/';
    }
    if (at == room - 1)
        text[--at] = '/';
    memmove(text, text + at, room - at);
    return (int)(room - 1 - at);
}

struct inode *inode_hold(struct inode *inode)
{
    inode->refs++;
    return inode;
}

/* The last one who used it: what has been removed goes now. */
void inode_release(struct inode *inode)
{
    if (!--inode->refs && !inode->parent)
        tmpfs_forget(inode);
}
