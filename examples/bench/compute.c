/* What a processor does all day, without the board. Sums make sure that it was really done. */
#include "bench.h"

enum { SIEVE = 8192, SORTED = 4096, BLOCK = 65536 };

static uint8_t flags[SIEVE], source[BLOCK], target[BLOCK];
static uint32_t numbers[SORTED];

static uint32_t xorshift(uint32_t seed)
{
    seed ^= seed << 13;
    seed ^= seed >> 17;
    return seed ^ seed << 5;
}

/* The sieve of Eratosthenes; returns the number of primes below SIEVE. */
static uint32_t sieve(uint32_t rounds)
{
    uint32_t primes = 0;

    while (rounds--) {
        primes = 0;
        for (uint32_t i = 2; i < SIEVE; i++)
            flags[i] = 1;
        for (uint32_t i = 2; i < SIEVE; i++)
            if (flags[i]) {
                primes++;
                for (uint32_t k = i + i; k < SIEVE; k += i)
                    flags[k] = 0;
            }
    }
    return primes;
}

static void sort(uint32_t *low, uint32_t *high)
{
    while (low < high) {
        uint32_t pivot = low[(high - low) / 2], *left = low, *right = high;
        while (left <= right) {
            while (*left < pivot)
                left++;
            while (*right > pivot)
                right--;
            if (left <= right) {
                uint32_t one = *left;
                *left++ = *right;
                *right-- = one;
            }
        }
        sort(low, right);
        low = left;
    }
}

static uint32_t quicksort(uint32_t rounds)
{
    uint32_t wrong = 0;

    while (rounds--) {
        uint32_t seed = 1;
        for (uint32_t i = 0; i < SORTED; i++)
            numbers[i] = seed = xorshift(seed);
        sort(numbers, numbers + SORTED - 1);
        for (uint32_t i = 1; i < SORTED; i++)
            wrong += numbers[i - 1] > numbers[i];
    }
    return wrong + 1;
}

void *memcpy(void *to, const void *from, uint32_t size)
{
    uint32_t words = size / 4;
    uint8_t *at = to;

    __asm__ volatile("rep movsl" : "+D"(at), "+S"(from), "+c"(words) : : "memory");
    for (size &= 3; size; size--)
        *at++ = *(const uint8_t *)from, from = (const uint8_t *)from + 1;
    return to;
}

void *memset(void *at, int value, uint32_t size)
{
    uint8_t *byte = at;

    while (size--)
        *byte++ = (uint8_t)value;
    return at;
}

static uint32_t fill(uint32_t rounds)
{
    while (rounds--)
        memset(target, (int)rounds, BLOCK);
    return target[BLOCK - 1] + 1u;
}

static uint32_t copy(uint32_t rounds)
{
    while (rounds--) {
        source[rounds % BLOCK] = (uint8_t)rounds;
        memcpy(target, source, BLOCK);
    }
    return target[0] + 1u;
}

/* The mix Dhrystone measures (Weicker, CACM 27/10, 1984): procedures with few arguments, records
   copied and linked, strings compared, branches; not its text. */
struct record {
    struct record *next;
    int32_t kind, whole;
    char name[31];
};

static struct record records[2];
static int32_t table[64];

static int __attribute__((noinline)) compare(const char *one, const char *other)
{
    while (*one && *one == *other)
        one++, other++;
    return *one - *other;
}

static int32_t __attribute__((noinline)) choose(int32_t kind, int32_t whole)
{
    switch (kind) {
    case 0: return whole + 9;
    case 1: return whole > 100 ? whole - 7 : whole + 5;
    case 2: return whole * 3;
    default: return whole / 2;
    }
}

static void __attribute__((noinline)) exchange(struct record *at)
{
    struct record *next = at->next;

    *next = *at;
    next->whole = choose(next->kind & 3, at->whole);
    next->next = at;
    at->kind = (at->kind + 1) & 3;
    at->whole = next->whole;
}

static uint32_t dhrystone(uint32_t rounds)
{
    struct record *at = &records[0];

    records[0] = (struct record){ &records[1], 0, 40, "DHRYSTONE PROGRAM, SOME STRING" };
    while (rounds--) {
        exchange(at);
        if (compare(at->name, at->next->name))
            return 0;
        for (int32_t i = 0; i < 3; i++)
            table[(at->whole + i) & 63] += choose(i, at->whole);
        at->whole &= 0xFFF;
        at->next = &records[1];
    }
    return (uint32_t)table[7] | 1u;
}

/* A sum of square roots and quotients on the x87. */
static uint32_t x87(uint32_t rounds)
{
    double sum = 0, one = 1;

    for (uint32_t i = 1; i <= rounds; i++) {
        double root;
        __asm__("fsqrt" : "=t"(root) : "0"((double)i));
        sum += one / root;
    }
    return (uint32_t)sum;
}

/* INT 80h to a handler that loads CR3, and IRET. */
static uint32_t switches(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++)
        __asm__ volatile("int $0x80" : : : "memory");
    return rounds;
}

const struct row compute_rows[] = {
    { "sieve", sieve, 8000, 1028 },
    { "qsort", quicksort, 500, 1 },
    { "memset", fill, 3000, 1 },
    { "memcpy", copy, 9000, 0 },
    { "dhrystone", dhrystone, 1000000, 0 },
    { "x87", x87, 1000000, 1998 },
    { "switch", switches, 300000, 300000 },
    { 0 },
};
