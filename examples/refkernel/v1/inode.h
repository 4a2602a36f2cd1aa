/* v1: files as they are named. */
#ifndef INODE_H
#define INODE_H
#include <stdint.h>

struct inode {
    uint32_t ino;         /* first: the table is sorted by it */
    struct inode *parent; /* the folder it is in; the root's is itself; none: it has been removed */
    const char *name;     /* in that folder */
    uint32_t mode, rdev, uid, gid;
    uint32_t refs;        /* open files, working directories and programs that use it */
    uint64_t atime, mtime, ctime; /* ns since 1970 */
    uint32_t size;
    const uint8_t *data;  /* of the initrd's files, and what a symbolic link says */
    uint32_t *page;       /* of a file in /tmp: physical addresses of its pages, 0 for holes */
};
#endif
