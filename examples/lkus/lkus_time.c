/* The clock, section TIME: monotonic time is the card's; the wall clock is read out of the CMOS,
   once at a cold boot, and goes on with it. For a kernel that has no clock of its own. */
#include "lkus.h"

static struct ssm_time time;
static uint64_t wall_offset; /* wall clock - lkus_now() */

uint64_t lkus_now(void)
{
    uint32_t low = lkus_in(SC_TIME_LO); /* latches the high half */

    return (uint64_t)lkus_in(SC_TIME_HI) << 32 | low;
}

/* Register `reg` of the CMOS clock, in BCD, as firmware leaves it. */
static uint32_t cmos(uint8_t reg)
{
    uint8_t bcd;

    __asm__ volatile("outb %1, $0x70; inb $0x71, %0" : "=a"(bcd) : "0"(reg));
    return (uint32_t)(bcd >> 4) * 10 + (bcd & 15);
}

/* ns since 1970; years begin in March */
static uint64_t cmos_ns(void)
{
    uint32_t month = (cmos(8) + 9) % 12, year = 2000 + cmos(9) - (month > 9);
    uint32_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;

    return ((days + cmos(7) - 719469) * 86400ull + cmos(4) * 3600 + cmos(2) * 60 + cmos(0))
           * 1000000000;
}

void lkus_time_cold(void)
{
    time.boot_ns = lkus_now();
    wall_offset = cmos_ns() - time.boot_ns;
}

void lkus_time_save(struct ssm_writer *out)
{
    time.mono_ns = lkus_now();
    time.real_ns = time.mono_ns + wall_offset;
    time.tick_hz = lkus_kernel.hz;
    lkus_section(out, SSM_TIME);
    lkus_append(out, &time, sizeof time);
}

void lkus_time_restore(const struct ssm_hdr *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_TIME);

    ssm_next(&at, &time, sizeof time); /* fields we know nothing of are handed on as they came */
    wall_offset = time.real_ns - time.mono_ns;
}

void lkus_time_switched(void)
{
    time.switch_count++;
}
