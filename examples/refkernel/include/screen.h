/* The screen console: where it writes, and the escape sequence it is in the middle of. */
#ifndef SCREEN_H
#define SCREEN_H
#include <stdint.h>

enum { VGA_COLS = 80, VGA_ROWS = 25, ESCAPE_MAX = 32 };
enum { SCREEN_WRAP = 1,       /* the last column has been written: the next byte goes below */
       SCREEN_HIDDEN = 2,     /* no cursor */
       SCREEN_NO_WRAP = 4,    /* DECAWM is off */
       SCREEN_REVERSE = 8, SCREEN_BOLD = 16 };

struct place { uint8_t x, y, attr, flags; };

struct screen {
    struct place here, saved; /* saved: by ESC 7 */
    uint8_t top, bottom;      /* rows that scroll, inclusive */
    uint8_t escape_len;
    char escape[ESCAPE_MAX];  /* ESC and what has come of its sequence */
};
#endif
