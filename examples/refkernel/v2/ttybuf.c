/* The console's unread input: a ring, finished lines first, then the one being typed. */
#include "kernel.h"

static struct tty tty;

struct tty *ttybuf(void) { return &tty; }

static bool ends_line(char c)
{
    return c == '\n' || c == TTY_EOF;
}

static char *at(uint32_t place)
{
    return &tty.ring[(tty.first + place) % TTY_INPUT];
}

/* What does not fit is lost. */
void ttybuf_put(char c)
{
    if (tty.used == TTY_INPUT || (tty.used == TTY_INPUT - 1 && !ends_line(c)))
        return;
    *at(tty.used++) = c;
    tty.lines += ends_line(c);
}

/* Takes back the last byte of the line being typed; false when it is empty. */
bool ttybuf_unput(void)
{
    if (!tty.used || ends_line(*at(tty.used - 1)))
        return false;
    tty.used--;
    return true;
}

bool ttybuf_has_line(void)
{
    return tty.lines != 0;
}

static char take(void)
{
    char c = *at(0);

    tty.first = (uint16_t)((tty.first + 1) % TTY_INPUT);
    tty.used--;
    tty.lines -= ends_line(c);
    return c;
}

/* Up to room bytes of the first finished line; its end of file is taken and not counted. */
uint32_t ttybuf_take_line(char *to, uint32_t room)
{
    uint32_t n = 0;

    while (tty.lines && *at(0) != TTY_EOF && n < room) {
        to[n++] = take();
        if (to[n - 1] == '\n')
            return n;
    }
    if (tty.lines && *at(0) == TTY_EOF)
        take();
    return n;
}

/* All of it, which stays; at most TTY_INPUT bytes. */
uint32_t ttybuf_peek(char *to)
{
    for (uint32_t i = 0; i < tty.used; i++)
        to[i] = *at(i);
    return tty.used;
}
