/* MC146818 real-time clock: index port 0x70, data port 0x71. Keeps seconds, in BCD. */
#include "kernel.h"

enum {
    INDEX = 0x70, DATA = 0x71,
    SECONDS = 0x00, MINUTES = 0x02, HOURS = 0x04, DAY = 0x07, MONTH = 0x08, YEAR = 0x09,
    CENTURY = 0x32,                  /* not the chip's: where the PC keeps it */
    REG_A = 0x0A, A_UIP = 0x80,      /* update in progress: the time is not stable */
    REG_B = 0x0B, B_SET = 0x80,      /* no updates while the time is written */
};

static bool switching;

static uint8_t get(uint8_t reg)
{
    outb(INDEX, reg);
    return inb(DATA);
}

static void set(uint8_t reg, uint32_t value)
{
    outb(INDEX, reg);
    outb(DATA, (uint8_t)(value / 10 << 4 | value % 10));
}

static uint32_t decimal(uint32_t bcd)
{
    return (bcd >> 4) * 10 + (bcd & 15);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; years begin in March. */
static uint32_t days(uint32_t year, uint32_t month, uint32_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 719469;
}

/* Seconds since 1970; the same as 0x00HHMMSS and 0xCCYYMMDD. */
uint32_t cmos_read_time(uint32_t *time_bcd, uint32_t *date_bcd)
{
    uint32_t time, date, again;

    do {
        for (int tries = 0; tries < 10000 && (get(REG_A) & A_UIP); tries++)
            ;
        time = (uint32_t)(get(HOURS) << 16 | get(MINUTES) << 8 | get(SECONDS));
        date = (uint32_t)get(CENTURY) << 24 | (uint32_t)(get(YEAR) << 16 | get(MONTH) << 8 | get(DAY));
        again = get(SECONDS);
    } while (again != (time & 0xFF));
    if (date >> 24 != 0x19 && date >> 24 != 0x20)
        date = (date & 0xFFFFFF) | 0x20000000;
    *time_bcd = time;
    *date_bcd = date;
    return days(decimal(date >> 24) * 100 + decimal(date >> 16 & 0xFF), decimal(date >> 8 & 0xFF),
                decimal(date & 0xFF)) * 86400
           + decimal(time >> 16) * 3600 + decimal(time >> 8 & 0xFF) * 60 + decimal(time & 0xFF);
}

void cmos_write_time(uint32_t seconds)
{
    uint32_t day = seconds / 86400, year, month, of_day = seconds % 86400;
    uint8_t reg_b;

    for (year = 1970; days(year + 1, 1, 1) <= day; year++)
        ;
    for (month = 1; month < 12 && days(year, month + 1, 1) <= day; month++)
        ;
    reg_b = get(REG_B);
    outb(INDEX, REG_B);
    outb(DATA, reg_b | B_SET);
    set(SECONDS, of_day % 60);
    set(MINUTES, of_day / 60 % 60);
    set(HOURS, of_day / 3600);
    set(DAY, day - days(year, month, 1) + 1);
    set(MONTH, month);
    set(YEAR, year % 100);
    set(CENTURY, year / 100);
    outb(INDEX, REG_B);
    outb(DATA, reg_b);
}

/* The regular write-back; the last write before a switchover is cmos_write_time's own. */
void cmos_keep_time(uint32_t seconds)
{
    if (!switching)
        cmos_write_time(seconds);
}

void cmos_switching(bool on)
{
    switching = on;
}
