/* What a processor does with the board: port cycles, timer interrupts, disk sectors, packets. */
#include "bench.h"

enum { PIT_RATE = 1193182, BUSY = 0x80, READY_DATA = 0x08, ERROR = 0x01 };
enum { SECTOR = 512, AT_ONCE = 8, DISK = 2048 /* sectors */, PACKET = 256 };

static uint32_t buffer[SECTOR / 4];

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

/* The same with registers that do something: the UART's line status and its interrupt enables. */
static uint32_t in_card(uint32_t rounds)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < rounds; i++)
        sum += inb(COM1 + 5);
    return sum;
}

static uint32_t out_card(uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++)
        outb(COM1 + 1, 0);
    return inb(COM1 + 1) + 1u;
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
    outb(PIT + 3, 0x30); /* no more of them */
    return ticks;
}

/* READ SECTORS by PIO, AT_ONCE with each command, from drive 0; every sector begins with its number.
   Returns 1 when all did. */
static uint32_t sectors(uint32_t rounds)
{
    outb(IDE_CONTROL, 2); /* nIEN: polled */
    outb(IDE + 6, 0xE0);  /* LBA, drive 0 */
    if (inb(IDE + 7) == 0xFF)
        return 0;
    for (uint32_t done = 0; done < rounds; done += AT_ONCE) {
        uint32_t lba = done % DISK;

        while (inb(IDE + 7) & BUSY)
            ;
        outb(IDE + 2, AT_ONCE);
        outb(IDE + 3, (uint8_t)lba);
        outb(IDE + 4, (uint8_t)(lba >> 8));
        outb(IDE + 5, 0);
        outb(IDE + 7, 0x20);
        for (uint32_t i = 0; i < AT_ONCE; i++) {
            uint8_t status;

            inb(IDE_CONTROL); /* the 400 ns the status needs */
            do
                status = inb(IDE + 7);
            while (status & BUSY);
            if (!(status & READY_DATA) || (status & ERROR))
                return 0;
            insw(IDE, buffer, SECTOR / 2);
            if (buffer[0] != lba + i)
                return 0;
        }
    }
    return 1;
}

/* Packets of PACKET bytes to nobody, as a driver sends them: remote DMA, TXP, PTX. Returns 1 when
   all were sent. */
static uint32_t packets(uint32_t rounds)
{
    enum { CR, PSTART, PSTOP, BNRY, TPSR, TBCR0, TBCR1, ISR, RSAR0, RSAR1, RBCR0, RBCR1, RCR, TCR,
           DCR, IMR, DATA, RESET = 0x1F, PTX = 0x02, RDC = 0x40, SENT = 0x01, RAM = 0x40 };

    outb(NE2000 + RESET, inb(NE2000 + RESET));
    outb(NE2000 + CR, 0x21); /* page 0, stopped */
    outb(NE2000 + DCR, 0x49); /* words, FIFO of 8 bytes */
    outb(NE2000 + RBCR0, 0);
    outb(NE2000 + RBCR1, 0);
    outb(NE2000 + RCR, 0x20); /* monitor: nothing is received */
    outb(NE2000 + PSTART, RAM + 6);
    outb(NE2000 + PSTOP, 0x80);
    outb(NE2000 + BNRY, RAM + 6);
    outb(NE2000 + ISR, 0xFF);
    outb(NE2000 + IMR, 0);
    outb(NE2000 + CR, 0x22);
    outb(NE2000 + TCR, 0);
    if (inb(NE2000 + CR) != 0x22)
        return 0;
    for (uint32_t i = 0; i < rounds; i++) {
        outb(NE2000 + ISR, PTX | RDC);
        outb(NE2000 + RSAR0, 0);
        outb(NE2000 + RSAR1, RAM);
        outb(NE2000 + RBCR0, (uint8_t)PACKET);
        outb(NE2000 + RBCR1, PACKET >> 8);
        outb(NE2000 + CR, 0x12);
        outsw(NE2000 + DATA, buffer, PACKET / 2);
        while (!(inb(NE2000 + ISR) & RDC))
            ;
        outb(NE2000 + TPSR, RAM);
        outb(NE2000 + TBCR0, (uint8_t)PACKET);
        outb(NE2000 + TBCR1, PACKET >> 8);
        outb(NE2000 + CR, 0x26);
        while (!(inb(NE2000 + ISR) & PTX))
            ;
        if (!(inb(NE2000 + TPSR) & SENT)) /* read: TSR */
            return 0;
    }
    return 1;
}

const struct row board_rows[] = {
    { "in", in, 1000000, 0 },
    { "out", out, 1000000, 0 },
    { "in_card", in_card, 200000, 0 },
    { "out_card", out_card, 200000, 1 },
    { "timer", timer, 1000, 0 },
    { "sectors", sectors, 1024, 1 },
    { "packets", packets, 1000, 1 },
    { 0 },
};
