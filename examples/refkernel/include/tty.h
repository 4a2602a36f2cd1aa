/* A terminal: its settings, its input, and output that waits. */
#ifndef TTY_H
#define TTY_H
#include <stdbool.h>
#include <stdint.h>
#include "param.h"
#include "proc.h"
#include "termios.h"
#include "ttybuf.h"

enum { TTY_SERIAL = 1, TTY_VGA = 2, TTYS = 2 }; /* their numbers, from 1 on */
enum { TTY_OUT = 1024 };                        /* bytes of output that wait while it is stopped */

struct tty {
    uint32_t number;
    uint32_t rdev;                 /* major << 8 | minor */
    void (*putc)(char c);          /* none: there is no such device */
    void (*settle)(void);          /* behind the last byte of many; or none */
    struct abi_termios termios;
    struct abi_winsize size;
    uint32_t sid, pgrp;            /* whose it is, and its foreground; 0: nobody's */
    bool stopped;                  /* by ^S or TCXONC */
    bool literal;                  /* the next byte typed is no command */
    uint32_t column, line_column;  /* of the cursor, and where the line being typed began */
    struct ttybuf in;
    uint32_t out_len;
    char out[TTY_OUT];
    WAITERS(readers)
    WAITERS(writers)
};
#endif
