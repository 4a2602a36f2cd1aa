/* 8259A pair: ports 0x20-0x21 and 0xA0-0xA1, the second on the first one's IR2. */
#include "kernel.h"

enum {
    COMMAND = 0,          /* of each chip: ICW1, OCW2, OCW3; reads IRR or ISR */
    DATA = 1,             /* ICW2 to ICW4, then the mask (OCW1) */
    FIRST = 0x20, SECOND = 0xA0,
    ICW1_INIT_ICW4 = 0x11,
    ICW4_8086 = 0x01,
    OCW2_EOI = 0x20,      /* non-specific end of interrupt */
    OCW3_READ_ISR = 0x0B,
};

static uint8_t mask[2];

void pic_init(void)
{
    mask[0] = 0xFF & ~(1 << 2);
    mask[1] = 0xFF;
    outb(FIRST + COMMAND, ICW1_INIT_ICW4);
    outb(FIRST + DATA, IRQ_BASE);
    outb(FIRST + DATA, 1 << 2);   /* ICW3: a second chip on IR2 */
    outb(FIRST + DATA, ICW4_8086);
    outb(SECOND + COMMAND, ICW1_INIT_ICW4);
    outb(SECOND + DATA, IRQ_BASE + 8);
    outb(SECOND + DATA, 2);       /* ICW3: it is number 2 */
    outb(SECOND + DATA, ICW4_8086);
    outb(FIRST + DATA, mask[0]);
    outb(SECOND + DATA, mask[1]);
}

void pic_unmask(int irq)
{
    mask[irq / 8] &= (uint8_t)~(1 << irq % 8);
    outb((irq < 8 ? FIRST : SECOND) + DATA, mask[irq / 8]);
}

/* IR7 is also what the chip says when a request has gone before it was acknowledged. */
bool pic_is_spurious(int irq)
{
    uint16_t chip = irq < 8 ? FIRST : SECOND;

    if (irq % 8 != 7)
        return false;
    outb(chip + COMMAND, OCW3_READ_ISR);
    if (inb(chip + COMMAND) & 0x80)
        return false;
    if (chip == SECOND)
        outb(FIRST + COMMAND, OCW2_EOI); /* the first chip did see a request */
    return true;
}

void pic_eoi(int irq)
{
    if (irq >= 8)
        outb(SECOND + COMMAND, OCW2_EOI);
    outb(FIRST + COMMAND, OCW2_EOI);
}
