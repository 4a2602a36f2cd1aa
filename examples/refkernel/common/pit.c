/* 8254 programmable interval timer: ports 0x40-0x43; counter 0 on IRQ 0 is the kernel's tick. */
#include "kernel.h"

enum {
    COUNTER0 = 0x40,
    CONTROL = 0x43,
    COUNTER0_RATE = 0x34, /* counter 0, low then high byte, mode 2, binary */
    INPUT_HZ = 1193182,
};

static bool switching;

void pit_init(void)
{
    uint16_t count = (INPUT_HZ + HZ / 2) / HZ;

    if (switching)
        return; /* the counter is the next kernel's now */
    outb(CONTROL, COUNTER0_RATE);
    outb(COUNTER0, count & 0xFF);
    outb(COUNTER0, count >> 8);
    pic_unmask(0);
}

void pit_switching(bool on)
{
    switching = on;
}
