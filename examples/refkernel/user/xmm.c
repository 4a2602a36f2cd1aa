/* Eight XMM registers and MXCSR over long series, to the last bit, also when a signal handler uses
   them: xmm [ROUNDS] [COUNT]. It needs a processor with SSE. */
#include "lib.h"

const char name[] = "xmm";

typedef float series[8][4];
u32 xmm_series(series start, series end, u32 count, u32 mxcsr);
void xmm_spoil(void);

enum { MXCSR = 0x1F80, ROUNDING = 0x6000, COUNT_KNOWN = 20000 };
/* CRC-32 of the ends of COUNT_KNOWN turns on Intel's and AMD's processors: rounding to nearest, down,
   up, toward zero */
static const u32 known[4] = {0xBFB5A7E7, 0x00BE22AB, 0x9219BA2F, 0x7BB78669};

static void spoil(int signo)
{
    (void)signo;
    xmm_spoil();
}

static u32 series_crc(u32 count, u32 mode)
{
    u32 i, k, end_mode;
    series start, end;

    for (i = 0; i < 8; i++)
        for (k = 0; k < 4; k++)
            start[i][k] = (float)(4 * i + k + 1) / 37.0f;
    end_mode = xmm_series(start, end, count, MXCSR | mode << 13);
    check((end_mode & (MXCSR | ROUNDING)) == (MXCSR | mode << 13), "mxcsr is %x with rounding %u",
          end_mode, mode);
    return crc32(0, end, sizeof end);
}

static int has_sse(void)
{
    u32 eax = 1, edx, ebx, ecx;

    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return edx >> 25 & 1;
}

void run(void)
{
    const struct itimerval often = {{0, 7000}, {0, 7000}};
    u32 round, rounds = argument(1, 10), count = argument(2, COUNT_KNOWN), mode, other, crc;
    u32 expected[4];
    int pid;

    check(has_sse(), "this processor has no SSE");
    for (mode = 0; mode < 4; mode++) {
        crc = series_crc(COUNT_KNOWN, mode);
        check(crc == known[mode], "series with rounding %u ends in %08x, not %08x", mode, crc,
              known[mode]);
        expected[mode] = series_crc(count, mode);
    }
    on_signal(SIGALRM, spoil);
    for (round = 0; round < rounds; round++) {
        mode = round % 4;
        other = (mode + 1 + round / 4 % 3) % 4;
        pid = spawn();
        check(setitimer(ITIMER_REAL, &often, 0) == 0, "setitimer");
        crc = series_crc(count, pid ? mode : other);
        check(crc == expected[pid ? mode : other], "series ends in %08x, not %08x", crc,
              expected[pid ? mode : other]);
        if (pid == 0)
            exit(0);
        reap(pid, 0);
    }
}
