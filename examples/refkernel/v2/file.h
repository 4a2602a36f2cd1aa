/* v2: open files, pipes and inodes. */
#ifndef FILE_H
#define FILE_H
#include <stdint.h>
#include "proc.h"
#include "timer.h"

struct inode {
    struct inode *next;
    const uint8_t *data;
    uint32_t size;
    const char *name; /* without a leading slash; "" is the root */
    uint16_t mode, ino;
};

struct file {
    struct file *next;
    union { struct inode *inode; struct pipe *pipe; };
    WAITERS(waiters)      /* for a timerfd to expire */
    TIMERS_OF_FILE
    uint64_t offset;      /* of a timerfd: expirations nobody has read */
    uint32_t flags;
    uint16_t refs;        /* descriptors that name it */
    uint8_t kind;
    uint32_t id;
};

struct pipe {
    struct pipe *next;
    WAITERS(reading)
    WAITERS(writing)
    uint16_t head, used;       /* first byte, bytes */
    uint16_t writers, readers; /* open files */
    uint32_t seq;              /* bytes read from it so far */
    uint32_t id;
    uint8_t *bytes;
};
#endif
