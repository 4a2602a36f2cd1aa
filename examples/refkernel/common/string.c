/* Memory and strings: what the compiler expects to find, and the 64-bit division it calls. */
#include "kernel.h"

/* From the first byte to the last, so that the two may overlap when `to` is the lower one (which the
   compiler's own memcpy does not promise). Word by word, eight at a time: a 486 takes 8 clocks for
   them, 35 for the same with REP MOVSD (i486 manual, table 10.1), and an emulator looks for
   interrupts after each REP step. */
static void *copy_up(void *to, const void *from, size_t len)
{
    typedef uint32_t __attribute__((may_alias)) word;
    word *t = to;
    const word *f = from;

    for (; len >= 32; len -= 32, t += 8, f += 8) {
        uint32_t a = f[0], b = f[1], c = f[2], d = f[3];
        t[0] = a, t[1] = b, t[2] = c, t[3] = d;
        a = f[4], b = f[5], c = f[6], d = f[7];
        t[4] = a, t[5] = b, t[6] = c, t[7] = d;
    }
    for (; len >= 4; len -= 4)
        *t++ = *f++;
    for (uint32_t i = 0; i < len; i++)
        ((char *)t)[i] = ((const char *)f)[i];
    return to;
}

void *memcpy(void *to, const void *from, size_t len)
{
    return copy_up(to, from, len);
}

void *memset(void *to, int byte, size_t len)
{
    typedef uint32_t __attribute__((may_alias)) word;
    word *t = to, all = (byte & 0xFF) * 0x01010101u;

    for (; len >= 32; len -= 32, t += 8)
        t[0] = all, t[1] = all, t[2] = all, t[3] = all, t[4] = all, t[5] = all, t[6] = all, t[7] = all;
    for (; len >= 4; len -= 4)
        *t++ = all;
    for (uint32_t i = 0; i < len; i++)
        ((char *)t)[i] = (char)byte;
    return to;
}

void *memmove(void *to, const void *from, size_t len)
{
    char *t = to;
    const char *f = from;

    if (t <= f || t >= f + len)
        return copy_up(to, from, len);
    while (len--)
        t[len] = f[len];
    return to;
}

int memcmp(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a, *y = b;

    for (; len; len--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

size_t strlen(const char *s)
{
    size_t len = 0;

    while (s[len])
        len++;
    return len;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (uint8_t)*a - (uint8_t)*b;
}

int strncmp(const char *a, const char *b, size_t len)
{
    for (; len && *a && *a == *b; len--)
        a++, b++;
    return len ? (uint8_t)*a - (uint8_t)*b : 0;
}

/* At most room - 1 bytes, and zeros to the end. */
void copy_name(char *to, size_t room, const char *from)
{
    size_t len = MIN(strlen(from), room - 1);

    memset(to, 0, room);
    copy_up(to, from, len);
}

/* The compiler's names (libgcc). Two DIVs when the divisor fits 32 bits, else bit by bit. */
uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rest)
{
    uint64_t quotient = 0, left = 0;

    if (!(d >> 32)) {
        uint32_t hi = (uint32_t)(n >> 32) / (uint32_t)d, lo;
        uint32_t carry = (uint32_t)(n >> 32) % (uint32_t)d;
        __asm__("divl %4" : "=a"(lo), "=d"(carry) : "a"((uint32_t)n), "d"(carry), "r"((uint32_t)d));
        *rest = carry;
        return (uint64_t)hi << 32 | lo;
    }
    for (int bit = 63; bit >= 0; bit--) {
        left = left << 1 | (n >> bit & 1);
        if (left >= d) {
            left -= d;
            quotient |= 1ull << bit;
        }
    }
    *rest = left;
    return quotient;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
    uint64_t rest;
    return __udivmoddi4(n, d, &rest);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
    uint64_t rest;
    __udivmoddi4(n, d, &rest);
    return rest;
}
