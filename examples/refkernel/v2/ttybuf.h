/* v2: the console's input. */
#ifndef TTYBUF_H
#define TTYBUF_H
#include <stdint.h>
#include "param.h"
#include "proc.h"

/* A ring: `lines` finished lines, then the line being typed. */
struct tty {
    char ring[TTY_INPUT];
    uint16_t first, used, lines;
    WAITERS(readers)
};
#endif
