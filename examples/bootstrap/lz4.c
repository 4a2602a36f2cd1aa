#include "lz4.h"

#include "copy.h"

enum { MIN_MATCH = 4, MORE = 15, REPORT = 65536 };

/* So many bytes may be written where room is short of nothing: a sequence whose lengths are in its
   token has at most 14 literals and a match of 18. Most are like that, and need no loop. */
enum { SHORT = 20 };

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
    uint8_t *begin = to, *limit = to + room, *report = to;
    uint32_t token, n, distance;

    while (from < end) {
        token = *from++;
        n = token >> 4; /* literals */
        if (n < MORE && limit - to >= SHORT && end - from >= SHORT) {
            copy16(to, from);
        } else {
            if (!extend(&n, (uint32_t)(limit - to), &from, end) || n > (uint32_t)(end - from))
                return LZ4_BROKEN;
            copy(to, from, n);
        }
        from += n;
        to += n;
        if (from == end) /* the last sequence has no match */
            return (uint32_t)(to - begin);

        if (end - from < 2)
            return LZ4_BROKEN;
        distance = from[0] | (uint32_t)from[1] << 8;
        from += 2;
        n = token & 15; /* bytes of the match, less MIN_MATCH */
        if (distance == 0 || distance > (uint32_t)(to - begin))
            return LZ4_BROKEN;
        if (n < MORE && distance >= 4 && limit - to >= SHORT) {
            copy16(to, to - distance);
            *(dword *)(to + 16) = *(const dword *)(to + 16 - distance);
        } else {
            if (limit - to < MIN_MATCH ||
                !extend(&n, (uint32_t)(limit - to) - MIN_MATCH, &from, end))
                return LZ4_BROKEN;
            repeat(to, distance, n + MIN_MATCH);
        }
        to += n + MIN_MATCH;
        if (progress && to - report >= REPORT)
            progress((uint32_t)((report = to) - begin));
    }
    return LZ4_BROKEN;
}
