/* A terminal's unread input: a ring, finished lines first, then the one being typed. */
#include "kernel.h"

enum { END = 0x100 };

static uint16_t *place(struct ttybuf *in, uint32_t at)
{
    return &in->ring[(in->first + at) % TTY_INPUT];
}

/* The caller has seen that there is room; `ends_line`: a read of lines stops behind it. */
void ttybuf_put(struct ttybuf *in, char c, bool ends_line)
{
    *place(in, in->used++) = (uint16_t)((uint8_t)c | (ends_line ? END : 0));
    in->lines += ends_line;
}

/* Takes back the last byte of the line being typed; false when it is empty. */
bool ttybuf_unput(struct ttybuf *in)
{
    if (!in->used || (*place(in, in->used - 1u) & END))
        return false;
    in->used--;
    return true;
}

uint32_t ttybuf_len(const struct ttybuf *in) { return in->used; }

uint32_t ttybuf_edited(const struct ttybuf *in)
{
    uint32_t n = 0;
    bool end;

    while (n < in->used && (ttybuf_at(in, in->used - n - 1u, &end), !end))
        n++;
    return n;
}

bool ttybuf_has_line(const struct ttybuf *in) { return in->lines != 0; }

/* The byte at a place, 0 being the oldest. */
char ttybuf_at(const struct ttybuf *in, uint32_t at, bool *ends_line)
{
    uint16_t entry = in->ring[(in->first + at) % TTY_INPUT];

    *ends_line = entry & END;
    return (char)entry;
}

/* Forgets the n oldest bytes. */
void ttybuf_drop(struct ttybuf *in, uint32_t n)
{
    for (uint32_t at = 0; at < n; at++)
        in->lines -= (*place(in, at) & END) != 0;
    in->first = (uint16_t)((in->first + n) % TTY_INPUT);
    in->used -= (uint16_t)n;
}

/* No byte ends a line any more, but for the last one when `last`. */
void ttybuf_unmark(struct ttybuf *in, bool last)
{
    for (uint32_t at = 0; at < in->used; at++)
        *place(in, at) &= 0xFF;
    in->lines = last && in->used;
    if (in->lines)
        *place(in, in->used - 1u) |= END;
}
