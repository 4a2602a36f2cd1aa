/* The console's line discipline: echo, a line at a time, backspace, ^U and ^D. */
#include "kernel.h"

enum { ERASE = 0x7F, BACKSPACE = 0x08, KILL = 0x15,
       WRITE_PART = 256 }; /* bytes sent before interrupts may come in */

static void echo(const char *s)
{
    while (*s)
        uart_putc(*s++);
}

/* A byte from the UART. */
void tty_input(char c)
{
    if (c == '\r')
        c = '\n';
    if (c == ERASE || c == BACKSPACE) {
        if (ttybuf_unput())
            echo("\b \b");
        return;
    }
    if (c == KILL) {
        while (ttybuf_unput())
            echo("\b \b");
        return;
    }
    ttybuf_put(c);
    if (c == '\n')
        echo("\r\n");
    else if (c != TTY_EOF)
        uart_putc(c);
    if (c == '\n' || c == TTY_EOF)
        wake_all(SSM_WAIT_TTY_READ, 0);
}

/* One line, or as much of it as there is room for; 0 at end of file. */
int tty_read(struct file *file, uint32_t to, uint32_t len)
{
    if (!len)
        return 0;
    if (!ttybuf_has_line()) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        proc_block(current, SSM_WAIT_TTY_READ, 0);
        return BLOCKED;
    }
    if (!user_ok(to, MIN(len, TTY_INPUT), true))
        return -EFAULT;
    return (int)ttybuf_take_line((char *)to, len);
}

/* Part of it; the caller comes back for the rest. */
int tty_write(uint32_t from, uint32_t len)
{
    len = MIN(len, WRITE_PART);
    if (!user_ok(from, len, false))
        return -EFAULT;
    for (const char *at = (const char *)from; at < (const char *)from + len; at++) {
        if (*at == '\n')
            uart_putc('\r');
        uart_putc(*at);
    }
    return (int)len;
}
