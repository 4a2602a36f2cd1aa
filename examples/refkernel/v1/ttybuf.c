/* The console's unread input: straight on, finished lines first, then the one being typed. */
#include "kernel.h"

static struct tty tty;

struct tty *ttybuf(void) { return &tty; }

static bool ends_line(char c)
{
    return c == '\n' || c == TTY_EOF;
}

/* What does not fit is lost. */
void ttybuf_put(char c)
{
    if (tty.len == TTY_INPUT || (tty.len == TTY_INPUT - 1 && !ends_line(c)))
        return;
    tty.input[tty.len++] = c;
    if (ends_line(c))
        tty.finished = tty.len;
}

/* Takes back the last byte of the line being typed; false when it is empty. */
bool ttybuf_unput(void)
{
    if (tty.len == tty.finished)
        return false;
    tty.len--;
    return true;
}

bool ttybuf_has_line(void)
{
    return tty.finished != 0;
}

/* Up to room bytes of the first finished line; its end of file is taken and not counted. */
uint32_t ttybuf_take_line(char *to, uint32_t room)
{
    uint32_t n = 0, used;

    while (n < room && n < tty.finished && !ends_line(tty.input[n]))
        n++;
    used = n;
    if (n < tty.finished && tty.input[n] == TTY_EOF)
        used++;
    else if (n < room && n < tty.finished)
        used = ++n;
    memcpy(to, tty.input, n);
    tty.len -= used;
    tty.finished -= used;
    memmove(tty.input, tty.input + used, tty.len);
    return n;
}

/* All of it, which stays; at most TTY_INPUT bytes. */
uint32_t ttybuf_peek(char *to)
{
    memcpy(to, tty.input, tty.len);
    return tty.len;
}
