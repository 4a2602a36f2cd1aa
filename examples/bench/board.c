/* What a processor does with the board: port cycles and timer interrupts. */
#include "bench.h"

enum { PIT_RATE = 1193182 };

static uint32_t in(uint32_t rounds)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < rounds; i++)
        sum += inb(COM1 + 7); /* the scratch register */
    return sum;
}

static uint32_t out(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++)
        outb(COM1 + 7, (uint8_t)i);
    return inb(COM1 + 7);
}

/* So many ticks at 2 kHz: how long they take says whether any came late. */
static uint32_t timer(uint32_t rounds)
{
    const uint32_t divisor = PIT_RATE / 2000;

    ticks = 0;
    outb(PIT + 3, 0x34); /* counter 0, mode 2 */
    outb(PIT, divisor & 0xFF);
    outb(PIT, divisor >> 8);
    while (ticks < rounds)
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    return ticks;
}

const struct row board_rows[] = {
    { "in", in, 1000000, 0 },
    { "out", out, 1000000, 0 },
    { "timer", timer, 1000, 0 },
    { 0 },
};
