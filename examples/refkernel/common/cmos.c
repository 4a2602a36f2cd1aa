/* MC146818 real-time clock: index port 0x70, data port 0x71. Keeps seconds, in the form register B
   asks for: BCD or binary, 24 hours or 12. The form is the firmware's choice; no kernel changes it,
   so every other one finds the clock as it expects it. */
#include "kernel.h"

enum {
    INDEX = 0x70, DATA = 0x71,
    SECONDS = 0x00, MINUTES = 0x02, HOURS = 0x04,
    WEEKDAY = 0x06,                  /* 1 is Sunday */
    DAY = 0x07, MONTH = 0x08, YEAR = 0x09,
    CENTURY = 0x32,                  /* not the chip's: where the PC keeps it */
    REG_A = 0x0A, A_UIP = 0x80,      /* update in progress: the time is not stable */
    UIP_TRIES = 1000000,             /* it lasts 2.2 ms; a fast machine asks often */
    REG_B = 0x0B, B_SET = 0x80,      /* no updates while the time is written */
    B_DM = 0x04,                     /* data mode: binary, else BCD */
    B_24_HOURS = 0x02,
    HOURS_PM = 0x80,                 /* of the 12-hour form; noon and midnight are 12 */
    EPOCH = 1970, LAST = 2105,       /* the years that 32 bits of seconds reach */
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

static uint32_t bcd(uint32_t number)
{
    return number / 10 << 4 | number % 10;
}

/* What a cell holds, and what to put into one, in the form of register B. */
static uint32_t decode(uint8_t reg_b, uint32_t cell)
{
    return reg_b & B_DM ? cell : (cell >> 4) * 10 + (cell & 15);
}

static uint32_t encode(uint8_t reg_b, uint32_t number)
{
    return reg_b & B_DM ? number : bcd(number);
}

static uint32_t decode_hour(uint8_t reg_b, uint32_t cell)
{
    if (reg_b & B_24_HOURS)
        return decode(reg_b, cell);
    return decode(reg_b, cell & ~(uint32_t)HOURS_PM) % 12 + (cell & HOURS_PM ? 12 : 0);
}

static uint32_t encode_hour(uint8_t reg_b, uint32_t hour)
{
    if (reg_b & B_24_HOURS)
        return encode(reg_b, hour);
    return encode(reg_b, hour % 12 ? hour % 12 : 12) | (hour >= 12 ? HOURS_PM : 0);
}

/* A century that makes no time of ours is one that nobody keeps. */
static uint32_t full_year(uint32_t century, uint32_t year)
{
    uint32_t full = century * 100 + year;

    if (full >= EPOCH && full <= LAST)
        return full;
    return year < EPOCH % 100 ? 2000 + year : 1900 + year;
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

static void split(uint32_t seconds, uint32_t *year, uint32_t *month, uint32_t *day)
{
    uint32_t since = seconds / 86400;

    *year = EPOCH;
    *month = 1;
    while (days(*year + 1, 1, 1) <= since)
        ++*year;
    while (*month < 12 && days(*year, *month + 1, 1) <= since)
        ++*month;
    *day = since - days(*year, *month, 1) + 1;
}

/* Seconds since 1970. */
uint32_t cmos_read_time(void)
{
    uint8_t reg_b = get(REG_B), second, minute, hour, day, month, year, century;

    do {
        outb(INDEX, REG_A);
        for (uint32_t tries = 0; tries < UIP_TRIES && (inb(DATA) & A_UIP); tries++)
            ;
        second = get(SECONDS);
        minute = get(MINUTES);
        hour = get(HOURS);
        day = get(DAY);
        month = get(MONTH);
        year = get(YEAR);
        century = get(CENTURY);
    } while (get(SECONDS) != second); /* it was updated meanwhile */
    return days(full_year(decode(reg_b, century), decode(reg_b, year)), decode(reg_b, month),
                decode(reg_b, day)) * 86400
           + decode_hour(reg_b, hour) * 3600 + decode(reg_b, minute) * 60 + decode(reg_b, second);
}

/* A time as a save-state map has it: 0x00HHMMSS and 0xCCYYMMDD, whatever the chip's form. */
void cmos_bcd(uint32_t seconds, uint32_t *time_bcd, uint32_t *date_bcd)
{
    uint32_t of_day = seconds % 86400, year, month, day;

    split(seconds, &year, &month, &day);
    *time_bcd = bcd(of_day / 3600) << 16 | bcd(of_day / 60 % 60) << 8 | bcd(of_day % 60);
    *date_bcd = bcd(year / 100) << 24 | bcd(year % 100) << 16 | bcd(month) << 8 | bcd(day);
}

void cmos_write_time(uint32_t seconds)
{
    uint32_t of_day = seconds % 86400, year, month, day;
    uint8_t reg_b = get(REG_B);

    split(seconds, &year, &month, &day);
    set(REG_B, reg_b | B_SET);
    set(SECONDS, encode(reg_b, of_day % 60));
    set(MINUTES, encode(reg_b, of_day / 60 % 60));
    set(HOURS, encode_hour(reg_b, of_day / 3600));
    set(WEEKDAY, (seconds / 86400 + 4) % 7 + 1); /* 1970 began on a Thursday */
    set(DAY, encode(reg_b, day));
    set(MONTH, encode(reg_b, month));
    set(YEAR, encode(reg_b, year % 100));
    set(CENTURY, encode(reg_b, year / 100));
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
