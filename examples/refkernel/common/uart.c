/* 16550A UART, COM1: ports 0x3F8-0x3FF, IRQ 4. Sends by polling, receives by interrupt. */
#include "kernel.h"

enum {
    RBR = 0x3F8, THR = RBR, /* r: received byte; w: byte to send; divisor low while DLAB */
    IER = 0x3F9, IER_ERBFI = 0x01,      /* interrupt when a byte is there */
    FCR = 0x3FA, FCR_ENABLE = 0x01, FCR_CLEAR = 0x06, FCR_TRIGGER_1 = 0x00,
    LCR = 0x3FB, LCR_8N1 = 0x03, LCR_DLAB = 0x80,
    MCR = 0x3FC, MCR_DTR_RTS = 0x03, MCR_OUT2 = 0x08, /* OUT2 lets the interrupt out */
    LSR = 0x3FD, LSR_DR = 0x01, LSR_THRE = 0x20, LSR_TEMT = 0x40,
    FIFO = 16,
    DIVISOR = 1,            /* 115200 baud: a full FIFO takes 1.4 ms */
    PATIENCE = 20000,       /* looks at LSR before a byte is sent all the same */
};

static bool switching;
static int room; /* bytes the transmit FIFO surely takes */

/* At a switchover the FIFOs stay as they are: what they hold belongs to the programs. */
void uart_init(bool cold)
{
    outb(LCR, LCR_8N1 | LCR_DLAB);
    outb(THR, DIVISOR);
    outb(IER, 0); /* divisor, high byte */
    outb(LCR, LCR_8N1);
    outb(IER, 0); /* so that what waits to be read makes an edge when it is set again */
    outb(FCR, FCR_ENABLE | FCR_TRIGGER_1 | (cold ? FCR_CLEAR : 0));
    outb(MCR, MCR_DTR_RTS | MCR_OUT2);
    outb(IER, IER_ERBFI);
    room = 0;
}

void uart_putc(char c)
{
    if (!room) {
        for (int tries = 0; tries < PATIENCE && !(inb(LSR) & LSR_THRE); tries++)
            ;
        room = FIFO;
    }
    outb(THR, (uint8_t)c);
    room--;
    if (switching)
        uart_drain();
}

/* Waits until the last stop bit is out. */
void uart_drain(void)
{
    for (int tries = 0; tries < PATIENCE && !(inb(LSR) & LSR_TEMT); tries++)
        ;
    room = FIFO;
}

void uart_irq(void)
{
    while (inb(LSR) & LSR_DR)
        tty_input(tty_find(TTY_SERIAL), (char)inb(RBR));
}

void uart_switching(bool on)
{
    switching = on;
    if (on)
        uart_drain();
}
