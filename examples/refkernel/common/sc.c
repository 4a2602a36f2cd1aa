/* Switchover card, VLB: 32-bit ports from 0x180 on (struct ssm_boot may say another base), IRQ 10.
   Its registers are the SC_ names of ssm.h. A machine without one has no switchovers. */
#include "kernel.h"

static uint16_t base;
static bool present;

void sc_init(uint32_t at)
{
    base = (uint16_t)at;
    present = inl(base + SC_ID) == SC_ID_VALUE;
}

bool sc_present(void)
{
    return present;
}

/* Monotonic ns; reading the low half latches the high one. */
uint64_t sc_time(void)
{
    uint32_t low = inl(base + SC_TIME_LO);
    return (uint64_t)inl(base + SC_TIME_HI) << 32 | low;
}

uint32_t sc_command(void)
{
    return present ? inl(base + SC_CMD) : SC_CMD_NONE;
}

uint32_t sc_argument(uint32_t which)
{
    outl(base + SC_ARG_SEL, which);
    return inl(base + SC_ARG);
}

void sc_ack(uint8_t phase, uint8_t code, uint16_t txn)
{
    outl(base + SC_ACK, (uint32_t)phase << 24 | (uint32_t)code << 16 | txn);
}

void sc_map(uint32_t pa, uint32_t len)
{
    outl(base + SC_SSM_PA, pa);
    outl(base + SC_SSM_LEN, len);
}

/* Progress, for the host's watchdog: a piece of work of `total` items begins, or goes on by some.
   What is written only grows from 0 until the next answer. */
static uint32_t done, scale;

void sc_work(uint32_t total)
{
    done = 0;
    scale = total / 0xFFFF + 1;
}

void sc_worked(uint32_t items)
{
    done += items;
    outl(base + SC_HEARTBEAT, done / scale);
}

/* The card takes four characters at a time. */
void sc_log(char c)
{
    static uint32_t word, held;

    word |= (uint32_t)(uint8_t)c << 8 * held++;
    if (held < 4 && c != '\n')
        return;
    if (present)
        outl(base + SC_LOG, word);
    word = held = 0;
}

/* CMD has changed; it is looked at in switchover_point(). */
void sc_irq(void)
{
    outl(base + SC_IRQ_ACK, 1);
    switchover_notice();
}

/* The card's CRC engine: 14 instructions a byte saved. That of nothing is 0. */
uint32_t ssm_crc32(const void *at, uint32_t len)
{
    if (!len)
        return 0;
    outl(base + SC_CRC_PA, V2P(at));
    outl(base + SC_CRC_LEN, len);
    return inl(base + SC_CRC);
}
