#include "lz4.h"

#include "copy.h"

enum { MIN_MATCH = 4, MORE = 15, REPORT = 65536 };

/* Repeat what stands `distance` before `to`; with a distance below n, bytes that are written here
   too. */
static void repeat(uint8_t *to, uint32_t distance, uint32_t n)
{
    uint32_t step = distance; /* a multiple of it that copy() can take */
    while (step < 4)
        step += distance;
    for (uint32_t first = step - distance; first && n; first--, n--, to++)
        *to = *(to - distance);
    copy(to, to - step, n);
}

/* The rest of a length whose nibble says MORE; 0 when the block ends in it or it exceeds `most`. */
static int extend(uint32_t *n, uint32_t most, const uint8_t **from, const uint8_t *end)
{
    uint8_t byte = 255;
    if (*n == MORE)
        while (byte == 255) {
            if (*from == end || *n > most)
                return 0;
            *n += byte = *(*from)++;
        }
    return *n <= most;
}

uint32_t lz4_decode(const uint8_t *from, uint32_t size, uint8_t *to, uint32_t room,
                    void (*progress)(uint32_t done))
{
    const uint8_t *end = from + size;
    uint32_t done = 0, reported = 0, token, n, distance;

    while (from < end) {
        token = *from++;
        n = token >> 4; /* literals */
        if (!extend(&n, room - done, &from, end) || n > (uint32_t)(end - from))
            return LZ4_BROKEN;
        if (room - done >= n + SLACK && (uint32_t)(end - from) >= n + SLACK)
            copy_loosely(to + done, from, n);
        else
            copy(to + done, from, n);
        from += n;
        done += n;
        if (from == end) /* the last sequence has no match */
            return done;

        if (end - from < 2)
            return LZ4_BROKEN;
        distance = from[0] | (uint32_t)from[1] << 8;
        from += 2;
        n = token & 15; /* bytes of the match, less MIN_MATCH */
        if (distance == 0 || distance > done || room - done < MIN_MATCH ||
            !extend(&n, room - done - MIN_MATCH, &from, end))
            return LZ4_BROKEN;
        n += MIN_MATCH;
        if (distance >= 4 && room - done >= n + SLACK)
            copy_loosely(to + done, to + done - distance, n);
        else
            repeat(to + done, distance, n);
        done += n;
        if (progress && done - reported >= REPORT)
            progress(reported = done);
    }
    return LZ4_BROKEN;
}
