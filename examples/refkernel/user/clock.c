/* Uptime and wall clock go on together and never back: clock [ROUNDS] [MS]. */
#include "lib.h"

const char name[] = "clock";

enum { READINGS = 50 };
#define SLACK (20u * MS)
#define TICK (10u * MS) /* the longest: HZ is 100 or more */

typedef long long s64;

/* One clock less another, known between two readings of the other; narrows with each look, however
   long a preemption or a switchover is. */
struct difference {
    s64 low, high;
};

static struct difference real_less_monotonic, uptime_less_monotonic, told_less_monotonic;
static struct timespec last_real;
static u32 last_uptime;

static int narrow(struct difference *known, u64 value, u64 before, u64 after)
{
    s64 low = (s64)(value - after), high = (s64)(value - before);
    if (known->low == 0 && known->high == 0) { /* the first look */
        known->low = low;
        known->high = high;
    }
    known->low = low > known->low ? low : known->low;
    known->high = high < known->high ? high : known->high;
    return known->low <= known->high + (s64)SLACK;
}

static struct timespec wall(void)
{
    struct timespec real;
    check(clock_gettime(CLOCK_REALTIME, &real) == 0, "clock_gettime(CLOCK_REALTIME)");
    return real;
}

/* The first number of /proc/uptime, in ns. */
static u64 uptime_told(void)
{
    char text[40];
    u32 hundredths = 0, i, len;
    int fd = open("/proc/uptime", O_RDONLY);

    if (fd < 0 && open("/proc", O_RDONLY) < 0)
        return monotonic(); /* a Linux without /proc */
    check(fd >= 0, "/proc/uptime cannot be opened: %d", fd);
    len = read_all(fd, text, sizeof text);
    close(fd);
    for (i = 0; i < len && text[i] != ' '; i++)
        if (text[i] != '.')
            hundredths = hundredths * 10 + (u32)(text[i] - '0');
    return (u64)hundredths * 10 * MS;
}

static void look(void)
{
    struct timespec real, later;
    struct timeval day;
    struct sysinfo info;
    u64 before, after, uptime;
    u32 seconds, first, last;

    before = monotonic();
    real = wall();
    after = monotonic();
    check(nanoseconds(real) >= nanoseconds(last_real), "CLOCK_REALTIME goes back");
    check(narrow(&real_less_monotonic, nanoseconds(real), before, after),
          "CLOCK_REALTIME and CLOCK_MONOTONIC drift apart");

    before = monotonic();
    check(sysinfo(&info) == 0, "sysinfo");
    after = monotonic() + SECOND; /* uptime is in seconds, rounded either way */
    uptime = (u64)(u32)info.uptime * SECOND;
    check((u32)info.uptime >= last_uptime, "uptime goes back from %u s to %u s", last_uptime,
          info.uptime);
    check(narrow(&uptime_less_monotonic, uptime, before, after),
          "uptime and CLOCK_MONOTONIC drift apart");

    before = monotonic();
    uptime = uptime_told();
    after = monotonic() + 10 * MS; /* in hundredths, rounded down */
    check(narrow(&told_less_monotonic, uptime, before, after),
          "/proc/uptime and CLOCK_MONOTONIC drift apart");

    seconds = (u32)time(0);
    check(gettimeofday(&day) == 0, "gettimeofday");
    later = wall();
    last = (u32)later.sec; /* unsigned: 32 bits of seconds last until 2106 */
    first = (u32)real.sec - (real.nsec < (s32)TICK); /* Linux's time() is that of the last tick */
    check(seconds >= first && seconds <= last, "time gives %u s from %u s to %u s", seconds, first,
          last);
    first = (u32)real.sec;
    seconds = (u32)day.sec;
    check(seconds >= first && seconds <= last, "gettimeofday gives %u s from %u s to %u s", seconds,
          first, last);
    last_real = later;
    last_uptime = (u32)info.uptime;
}

void run(void)
{
    u32 round, i, back, rounds = argument(1, 40), ms = argument(2, 10);
    u64 last, next;

    for (round = 0; round < rounds; round++) {
        look();
        for (last = monotonic(), back = 0, i = 0; i < READINGS; i++, last = next)
            back += (next = monotonic()) < last;
        check(back == 0, "CLOCK_MONOTONIC goes back %u times in %u", back, READINGS);
        sleep_ms(ms);
    }
    check((u32)last_real.sec >= 946684800, "it is before the year 2000: %u s", last_real.sec);
    memset(&real_less_monotonic, 0, sizeof real_less_monotonic);
    memset(&uptime_less_monotonic, 0, sizeof uptime_less_monotonic);
    memset(&told_less_monotonic, 0, sizeof told_less_monotonic);
    memset(&last_real, 0, sizeof last_real);
    last_uptime = 0;
}
