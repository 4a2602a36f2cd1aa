/* Runs the rows one after the other; each is told on the serial line before and after:

       @@begin NAME ROUNDS
       @@end NAME SUM

   The host takes the time between the two lines, and ends the run after `@@done`, for it still asks
   how much CPU time that took. A wrong sum ends it with status 1. With `quick` at the end of the
   command line there are far fewer rounds, which is for tests of everything but speed. */
#include "bench.h"

enum { QUICK = 200 };

struct gate { uint16_t low, selector, type, high; };

static struct gate idt[256];
volatile uint32_t ticks;

void timer_entry(void);
void call_entry(void);
void bench_main(const uint32_t *info);

static void say_byte(char byte)
{
    while (!(inb(COM1 + 5) & 0x20))
        ;
    outb(COM1, (uint8_t)byte);
}

void say(const char *text)
{
    for (; *text; text++)
        say_byte(*text);
}

void say_number(uint32_t value)
{
    char digits[11], *at = digits + sizeof digits - 1;

    *at = 0;
    do
        *--at = (char)('0' + value % 10);
    while (value /= 10);
    say(at);
}

static void set_gate(uint8_t vector, void (*entry)(void))
{
    uint32_t at = (uint32_t)entry;

    idt[vector] = (struct gate){ (uint16_t)at, 8, 0x8E00, (uint16_t)(at >> 16) };
}

static void interrupts_init(void)
{
    struct { uint16_t limit; uint32_t base; } __attribute__((packed)) pointer = {
        sizeof idt - 1, (uint32_t)idt
    };

    set_gate(0x20, timer_entry);
    set_gate(0x80, call_entry);
    __asm__ volatile("lidt %0" : : "m"(pointer));
    outb(PIC, 0x11); /* ICW1-4: vectors 20h, slave on 2, 8086 mode */
    outb(PIC + 1, 0x20);
    outb(PIC + 1, 4);
    outb(PIC + 1, 1);
    outb(PIC + 1, 0xFE); /* IRQ 0 alone */
}

/* Whether the Multiboot information, if there is any, has a command line that ends so. */
static int asked_for(const uint32_t *info, const char *word)
{
    const char *line, *end = word;

    if (!info || !(info[0] & 4))
        return 0;
    for (line = (const char *)info[4]; *line; line++)
        end = *end == *line ? end + 1 : word + (*word == *line);
    return !*end && end != word;
}

static void run(const struct row *rows, int quick)
{
    for (; rows->name; rows++) {
        uint32_t sum, rounds = quick ? rows->rounds / QUICK + 1 : rows->rounds;
        say("@@begin ");
        say(rows->name);
        say(" ");
        say_number(rounds);
        say("\n");
        sum = rows->work(rounds);
        say("@@end ");
        say(rows->name);
        say(" ");
        say_number(sum);
        say("\n");
        if (rows->sum && sum != rows->sum && (!quick || rows->sum == 1)) {
            say("@@wrong\n");
            outb(DEBUG_EXIT, 1);
        }
    }
}

void bench_main(const uint32_t *info)
{
    int quick = asked_for(info, "quick");

    outb(COM1 + 3, 3); /* 8N1 */
    interrupts_init();
    run(compute_rows, quick);
    run(board_rows, quick);
    say("@@done\n");
}
