/* v2: a terminal's input. */
#ifndef TTYBUF_H
#define TTYBUF_H
#include <stdint.h>
#include "param.h"

/* A ring: `lines` finished lines, then the line being typed; bit 8 of what ends a line is set. */
struct ttybuf {
    uint16_t ring[TTY_INPUT];
    uint16_t first, used, lines;
};
#endif
