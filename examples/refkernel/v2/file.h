/* v2: open files and pipes. */
#ifndef FILE_H
#define FILE_H
#include <stdint.h>
#include "inode.h"
#include "proc.h"
#include "timer.h"
#include "tty.h"

struct file {
    struct file *next;
    union {
        struct inode *inode; /* of a named file or device */
        struct pipe *pipe;
    };
    struct tty *tty;      /* of a terminal; none: it has hung up */
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
