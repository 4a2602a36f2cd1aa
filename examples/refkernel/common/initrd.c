/* The initrd, a cpio archive in the "new ASCII" format (cpio(5)), read where the boot loader has put
   it: the root of the file system. It cannot be written to. Devices, /proc and /tmp are added. */
#include "kernel.h"

struct cpio_header {
    char magic[6]; /* 070701 */
    char ino[8], mode[8], uid[8], gid[8], nlink[8], mtime[8], filesize[8], devmajor[8], devminor[8],
        rdevmajor[8], rdevminor[8], namesize[8], check[8];
};

static const struct { const char *path; uint32_t mode, rdev; } added[] = {
    { "dev", S_IFDIR | 0755, 0 }, { "proc", S_IFDIR | 0555, 0 }, { "tmp", S_IFDIR | 01777, 0 },
    { "dev/null", S_IFCHR | 0666, NULL_DEVICE }, { "dev/zero", S_IFCHR | 0666, ZERO },
    { "dev/full", S_IFCHR | 0666, FULL }, { "dev/tty", S_IFCHR | 0666, DEV_TTY },
    { "dev/console", S_IFCHR | 0600, CONSOLE }, { "dev/ttyS0", S_IFCHR | 0660, TTYS0 },
    { "dev/tty0", S_IFCHR | 0620, TTY0 }, { "dev/tty1", S_IFCHR | 0620, TTY1 },
};

/* Four digits, the first in the lowest byte; no branches, for there are thousands when a kernel takes
   over and user programs stand still. */
static uint32_t hex4(uint32_t text)
{
    uint32_t digits = (text & 0x0F0F0F0F) + 9 * (text >> 6 & 0x01010101); /* letters have bit 6 */
    uint32_t pairs = (digits << 4 | digits >> 8) & 0x00FF00FF;

    return (pairs << 8 | pairs >> 16) & 0xFFFF;
}

static uint32_t hex(const char digits[8])
{
    typedef uint32_t __attribute__((may_alias, aligned(1))) word;
    const word *half = (const word *)digits;
    const uint32_t zeros = 0x30303030; /* most are */

    return (half[0] == zeros ? 0 : hex4(half[0]) << 16) | (half[1] == zeros ? 0 : hex4(half[1]));
}

/* Files come behind their folder, and mostly behind another one of it. */
static struct inode *add(const char *path, uint32_t ino, uint32_t mode)
{
    static struct inode *folder;
    static const char *prefix;
    static uint32_t len;
    const char *name = path;

    for (const char *at = path; *at; at++)
        if (*at == '/')
            name = at + 1;
    if (ino == INO_ADDED || !folder || len != (uint32_t)(name - path) || memcmp(prefix, path, len)) {
        char text[PATH_MAX / 4];
        len = (uint32_t)(name - path);
        if (len >= sizeof text)
            return 0;
        memcpy(text, path, len);
        text[len] = 0;
        prefix = path;
        folder = path_lookup(text);
    }
    return folder ? inode_new(ino, folder, name, mode) : 0;
}

static void add_standard(void)
{
    uint32_t ino = INO_ADDED;

    for (uint32_t i = 0; i < sizeof added / sizeof *added; i++, ino++) {
        struct inode *inode = path_lookup(added[i].path);
        if (!inode)
            inode = add(added[i].path, ino, added[i].mode);
        if (!inode)
            panic("no memory for /%s", added[i].path);
        if (added[i].rdev)
            inode->rdev = added[i].rdev;
    }
    tmpfs_init(path_lookup("tmp"));
    procfs_init(path_lookup("proc"));
}

/* Inode numbers are places in the archive, so that another kernel finds the same ones. */
void initrd_init(void)
{
    const char *at = P2V(memory.initrd), *end = at + memory.initrd_len;

    if (!inode_new(INO_ROOT, 0, "", S_IFDIR | 0755))
        panic("no memory for the root");
    for (uint32_t ino = INO_ROOT + 1; at + sizeof(struct cpio_header) < end; ino++) {
        const struct cpio_header *header = (const void *)at;
        const char *name = at + sizeof *header;
        uint32_t name_len = hex(header->namesize), len = hex(header->filesize), skip;
        uint32_t mode = hex(header->mode);
        struct inode *inode;

        if (memcmp(header->magic, "070701", 6))
            panic("the initrd is not a cpio archive of the new ASCII format");
        skip = (sizeof *header + name_len + 3) & ~3u;
        if (name_len > PATH_MAX / 4 || len > memory.initrd_len || skip + len > (uint32_t)(end - at))
            panic("the initrd is truncated");
        if (!strcmp(name, "TRAILER!!!"))
            break;
        while (*name == '/' || (name[0] == '.' && name[1] == '/'))
            name++;
        /* of two archives, one behind the other, both may have a folder */
        if (*name && strcmp(name, ".")
            && !((mode & S_IFMT) == S_IFDIR && path_lookup(name))) {
            inode = ino < INO_ADDED ? add(name, ino, mode) : 0;
            if (!inode)
                panic("the initrd holds too many files, or %s without its folder", name);
            inode->size = len;
            inode->data = (const uint8_t *)at + skip;
            inode->rdev = hex(header->rdevmajor) << 8 | hex(header->rdevminor);
            inode->uid = hex(header->uid), inode->gid = hex(header->gid);
            inode->mtime = inode->ctime = inode->atime = hex(header->mtime) * NS_PER_S;
        }
        at += skip + ((len + 3) & ~3u);
    }
    add_standard();
}
