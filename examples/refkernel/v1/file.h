/* v1: open files and pipes. */
#ifndef FILE_H
#define FILE_H
#include <stdint.h>
#include "inode.h"
#include "proc.h"
#include "timer.h"
#include "tty.h"

struct file {
    uint32_t id; /* first: the table is sorted by it */
    uint32_t kind, flags;
    uint32_t refs;   /* descriptors that name it */
    uint64_t offset; /* of a timerfd: expirations nobody has read */
    struct inode *inode; /* of a named file or device */
    struct pipe *pipe;
    struct tty *tty;     /* of a terminal; none: it has hung up */
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
