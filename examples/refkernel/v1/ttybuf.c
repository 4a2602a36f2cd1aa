/* A terminal's unread input: straight on, finished lines first, then the one being typed. */
#include "kernel.h"

static bool ends(const struct ttybuf *in, uint32_t at)
{
    return in->ends[at / 8] >> at % 8 & 1;
}

/* The caller has seen that there is room; `ends_line`: a read of lines stops behind it. */
void ttybuf_put(struct ttybuf *in, char c, bool ends_line)
{
    in->ends[in->len / 8] &= (uint8_t)~(1 << in->len % 8);
    in->byte[in->len] = c;
    if (ends_line) {
        in->ends[in->len / 8] |= (uint8_t)(1 << in->len % 8);
        in->finished = in->len + 1;
    }
    in->len++;
}

/* Takes back the last byte of the line being typed; false when it is empty. */
bool ttybuf_unput(struct ttybuf *in)
{
    if (in->len == in->finished)
        return false;
    in->len--;
    return true;
}

uint32_t ttybuf_len(const struct ttybuf *in) { return in->len; }
uint32_t ttybuf_edited(const struct ttybuf *in) { return in->len - in->finished; }
bool ttybuf_has_line(const struct ttybuf *in) { return in->finished != 0; }

/* The byte at a place, 0 being the oldest. */
char ttybuf_at(const struct ttybuf *in, uint32_t at, bool *ends_line)
{
    *ends_line = ends(in, at);
    return in->byte[at];
}

/* Forgets the n oldest bytes. */
void ttybuf_drop(struct ttybuf *in, uint32_t n)
{
    in->len -= n;
    in->finished -= MIN(n, in->finished);
    memmove(in->byte, in->byte + n, in->len);
    for (uint32_t at = 0; at < in->len; at++) {
        bool end = ends(in, at + n);
        in->ends[at / 8] = (uint8_t)((in->ends[at / 8] & ~(1 << at % 8)) | end << at % 8);
    }
}

/* No byte ends a line any more, but for the last one when `last`. */
void ttybuf_unmark(struct ttybuf *in, bool last)
{
    memset(in->ends, 0, sizeof in->ends);
    in->finished = 0;
    if (last && in->len) {
        in->len--;
        ttybuf_put(in, in->byte[in->len], true);
    }
}
