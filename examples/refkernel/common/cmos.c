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
    outb(DATA, (uint8_t)value);
}

static uint32_t decimal(uint32_t bcd)
{
    return (bcd >> 4 & 15) * 10 + (bcd & 15);
}

static uint32_t bcd(uint32_t decimal)
{
    return decimal / 10 << 4 | decimal % 10;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; years begin in March. */
static uint32_t days(uint32_t year, uint32_t month, uint32_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day
           - 719469;
}

/* Seconds since 1970. */
uint32_t cmos_read_time(void)
{
    uint32_t time, date, century, year;

    do {
        for (int tries = 0; tries < 10000 && (get(REG_A) & A_UIP); tries++)
            ;
        time = (uint32_t)(get(HOURS) << 16 | get(MINUTES) << 8 | get(SECONDS));
        date = (uint32_t)(get(YEAR) << 16 | get(MONTH) << 8 | get(DAY));
        century = get(CENTURY);
    } while (get(SECONDS) != (time & 0xFF));
    year = decimal(century == 0x19 ? 0x19 : 0x20) * 100 + decimal(date >> 16);
    return days(year, decimal(date >> 8), decimal(date)) * 86400
           + decimal(time >> 16) * 3600 + decimal(time >> 8) * 60 + decimal(time);
}

/* The chip's form of a time: 0x00HHMMSS and 0xCCYYMMDD. */
void cmos_bcd(uint32_t seconds, uint32_t *time_bcd, uint32_t *date_bcd)
{
    uint32_t day = seconds / 86400, of_day = seconds % 86400, year = 1970, month = 1;

    while (days(year + 1, 1, 1) <= day)
        year++;
    while (month < 12 && days(year, month + 1, 1) <= day)
        month++;
    *time_bcd = bcd(of_day / 3600) << 16 | bcd(of_day / 60 % 60) << 8 | bcd(of_day % 60);
    *date_bcd = bcd(year / 100) << 24 | bcd(year % 100) << 16 | bcd(month) << 8
                | bcd(day - days(year, month, 1) + 1);
}

void cmos_write_time(uint32_t seconds)
{
    uint32_t time, date;
    uint8_t reg_b = get(REG_B);

    cmos_bcd(seconds, &time, &date);
    set(REG_B, reg_b | B_SET);
    set(SECONDS, time);
    set(MINUTES, time >> 8);
    set(HOURS, time >> 16);
    set(DAY, date);
    set(MONTH, date >> 8);
    set(YEAR, date >> 16);
    set(CENTURY, date >> 24);
    set(REG_B, reg_b);
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
