/* v1: a terminal's input. */
#ifndef TTYBUF_H
#define TTYBUF_H
#include <stdint.h>
#include "param.h"

/* Finished lines first, then the line being typed; a bit for each byte that ends a line. */
struct ttybuf {
    uint32_t finished, len;
    char byte[TTY_INPUT];
    uint8_t ends[TTY_INPUT / 8];
};
#endif
