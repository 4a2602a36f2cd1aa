/* The file system: the initrd, a cpio archive in the "new ASCII" format (cpio(5)), read where the
   boot loader has put it. It cannot be written to. */
#include "kernel.h"

struct cpio_header {
    char magic[6]; /* 070701 */
    char ino[8], mode[8], uid[8], gid[8], nlink[8], mtime[8], filesize[8], devmajor[8], devminor[8],
        rdevmajor[8], rdevminor[8], namesize[8], check[8];
};

enum { ROOT = 1, NULL_DEVICE = 0x7FFF };

static uint32_t hex(const char digits[8])
{
    uint32_t value = 0;

    for (int i = 0; i < 8; i++) {
        int digit = digits[i] <= '9' ? digits[i] - '0' : (digits[i] | 32) - 'a' + 10;
        value = value << 4 | (uint32_t)digit;
    }
    return value;
}

/* Inode numbers are places in the archive, so that another kernel finds the same ones. */
void initrd_init(void)
{
    const char *at = P2V(memory.initrd), *end = at + memory.initrd_len;
    struct inode *root = inode_new("", ROOT), *null = inode_new("dev/null", NULL_DEVICE);

    root->mode = S_IFDIR | 0755;
    null->mode = S_IFCHR | 0666;
    for (uint32_t ino = ROOT + 1; at + sizeof(struct cpio_header) < end; ino++) {
        const struct cpio_header *header = (const void *)at;
        const char *name = at + sizeof *header;
        uint32_t name_len = hex(header->namesize), len = hex(header->filesize), skip;
        struct inode *inode;

        if (memcmp(header->magic, "070701", 6))
            panic("the initrd is not a cpio archive of the new ASCII format");
        skip = (sizeof *header + name_len + 3) & ~3u;
        if (name_len > PATH_MAX || len > memory.initrd_len || skip + len > (uint32_t)(end - at))
            panic("the initrd is truncated");
        if (!strcmp(name, "TRAILER!!!"))
            return;
        while (*name == '/' || (name[0] == '.' && name[1] == '/'))
            name++;
        if (*name && strcmp(name, ".")) {
            inode = inode_new(name, ino);
            if (!inode)
                panic("the initrd holds too many files");
            inode->mode = (uint16_t)hex(header->mode);
            inode->size = len;
            inode->data = (const uint8_t *)at + skip;
        }
        at += skip + ((len + 3) & ~3u);
    }
}

/* The next component of a path, in *name its length; 0 at the end. */
static const char *component(const char *path, size_t *len)
{
    while (*path == '/')
        path++;
    *len = 0;
    while (path[*len] && path[*len] != '/')
        ++*len;
    return *len ? path : 0;
}

/* "a//b/../c" is "a/c"; false when it is too long. */
static bool normalize(const char *path, char *to, size_t room)
{
    size_t used = 0, len;
    const char *name;

    for (; (name = component(path, &len)); path = name + len) {
        if (len == 1 && name[0] == '.')
            continue;
        if (len == 2 && name[0] == '.' && name[1] == '.') {
            while (used && to[--used] != '/')
                ;
            continue;
        }
        if (used + len + 2 > room)
            return false;
        if (used)
            to[used++] = '/';
        memcpy(to + used, name, len);
        used += len;
    }
    to[used] = 0;
    return true;
}

/* Every process's working directory is the root. */
struct inode *initrd_find(const char *path)
{
    char name[PATH_MAX];

    if (!normalize(path, name, sizeof name))
        return 0;
    for (struct inode *inode = inode_first(); inode; inode = inode_after(inode))
        if (!strcmp(inode->name, name))
            return inode;
    return 0;
}

/* The index-th child of a folder; false when it has no more. */
bool initrd_child(const struct inode *folder, uint32_t index, struct inode **child,
                  const char **name)
{
    size_t prefix = strlen(folder->name);

    for (struct inode *inode = inode_first(); inode; inode = inode_after(inode)) {
        const char *rest = inode->name + (prefix ? prefix + 1 : 0);
        bool slash = false;
        if (!inode->name[0] || strncmp(inode->name, folder->name, prefix)
            || (prefix && inode->name[prefix] != '/'))
            continue;
        for (const char *at = rest; *at; at++)
            slash |= *at == '/';
        if (slash || index--)
            continue;
        *child = inode;
        *name = rest;
        return true;
    }
    return false;
}
