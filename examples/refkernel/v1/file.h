/* v1: open files, pipes and inodes. */
#ifndef FILE_H
#define FILE_H
#include <stdint.h>
#include "proc.h"
#include "timer.h"

struct inode {
    const char *name; /* without a leading slash; "" is the root */
    uint32_t ino, mode, size;
    const uint8_t *data;
};

struct file {
    uint32_t id; /* first: the table is sorted by it */
    uint32_t kind, flags;
    uint32_t refs;   /* descriptors that name it */
    uint64_t offset; /* of a timerfd: expirations nobody has read */
    struct inode *inode;
    struct pipe *pipe;
    TIMERS_OF_FILE
    WAITERS(waiters)     /* for a timerfd to expire */
};

/* `in` and `out` count bytes for ever; their difference is what is in it. */
struct pipe {
    uint32_t id; /* first: the table is sorted by it */
    uint32_t readers, writers; /* open files */
    uint32_t in, out;
    WAITERS(reading)
    WAITERS(writing)
    uint8_t *bytes;
};
#endif
