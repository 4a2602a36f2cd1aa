/* Eight x87 registers, control word and tags over long series, to the last bit: x87 [ROUNDS]
   [COUNT]. */
#include "lib.h"

const char name[] = "x87";

typedef u8 series[8][10];
void x87_series(const series start, series end, u32 count, u32 control);

enum { CONTROL = 0x037F, COUNT_KNOWN = 100000 };
/* rounding control: nearest, down, up, toward zero */
static const u32 control[4] = {CONTROL, CONTROL | 0x400, CONTROL | 0x800, CONTROL | 0xC00};
/* CRC-32 of the ends of COUNT_KNOWN turns, from a Pentium-class x87 */
static const u32 known[4] = {0xAAB7FAF8, 0x58B2B65F, 0x836B2B17, 0xAD7B613A};

static u32 series_crc(u32 count, u32 mode)
{
    series start, end;
    u16 now, status;
    u32 i;

    for (i = 0; i < 8; i++) {
        long double value = (long double)(i + 1) / 11.0L;
        memcpy(start[i], &value, 10);
    }
    x87_series(start, end, count, control[mode]);
    __asm__("fnstcw %0; fnstsw %1; fninit" : "=m"(now), "=m"(status));
    check((now & 0x0F3F) == (control[mode] & 0x0F3F), "control word is %x, not %x", now,
          control[mode]);
    check((status & 0x3800) == (count % 8 << 11 & 0x3800), "top of stack is %u after %u turns",
          status >> 11 & 7, count);
    return crc32(0, end, sizeof end);
}

void run(void)
{
    u32 round, rounds = argument(1, 10), count = argument(2, COUNT_KNOWN) & ~7u, mode, other, crc;
    u32 expected[4];
    int pid;

    for (mode = 0; mode < 4; mode++) {
        crc = series_crc(COUNT_KNOWN, mode);
        check(crc == known[mode], "series with rounding %u ends in %08x, not %08x", mode, crc,
              known[mode]);
        expected[mode] = series_crc(count, mode);
    }
    for (round = 0; round < rounds; round++) {
        mode = round % 4;
        other = (mode + 1 + round / 4 % 3) % 4;
        /* two processes with different numbers and rounding share the one x87 */
        pid = spawn();
        crc = series_crc(count, pid ? mode : other);
        check(crc == expected[pid ? mode : other], "series ends in %08x, not %08x", crc,
              expected[pid ? mode : other]);
        if (pid == 0)
            exit(0);
        reap(pid, 0);
    }
}
