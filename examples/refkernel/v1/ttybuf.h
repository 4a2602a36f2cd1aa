/* v1: the console's input. */
#ifndef TTYBUF_H
#define TTYBUF_H
#include <stdint.h>
#include "param.h"
#include "proc.h"

/* Finished lines first, then the line being typed. */
struct tty {
    uint32_t finished, len;
    char input[TTY_INPUT];
    WAITERS(readers)
};
#endif
