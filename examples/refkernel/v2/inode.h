/* v2: files as they are named. */
#ifndef INODE_H
#define INODE_H
#include <stdint.h>

/* Pages next to each other in a file and in physical addresses. */
struct piece {
    struct piece *next;
    uint32_t n, paddr, vaddr; /* vaddr: where in the file */
};

struct inode {
    struct inode *next;            /* with the next higher number */
    struct inode *child, *sibling; /* the first one in it; the next one beside it */
    struct piece *pages;           /* of a file in /tmp */
    const uint8_t *data;           /* of the initrd's files, and what a symbolic link says */
    uint64_t ctime, mtime, atime;  /* ns since 1970 */
    uint32_t size;
    uint16_t refs;                 /* open files, working directories and programs that use it */
    uint16_t rdev, gid, uid;
    uint16_t mode;
    const char *name;     /* in that folder */
    struct inode *parent; /* the folder it is in; the root's is itself; none: it has been removed */
    uint32_t ino;
};
#endif
