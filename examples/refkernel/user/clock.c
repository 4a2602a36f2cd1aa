/* Uptime and wall clock go on together and never back: clock [ROUNDS] [MS]. */
#include "lib.h"

const char name[] = "clock";

enum { READINGS = 50 };
#define APART (1100u * MS) /* two clocks of which one counts seconds */

struct clocks {
    u64 monotonic, real;
    u32 day, uptime, seconds;
};

static struct clocks look(void)
{
    struct timespec real;
    struct timeval day;
    struct sysinfo info;
    struct clocks now;

    now.monotonic = monotonic();
    check(clock_gettime(CLOCK_REALTIME, &real) == 0, "clock_gettime(CLOCK_REALTIME)");
    check(gettimeofday(&day) == 0, "gettimeofday");
    check(sysinfo(&info) == 0, "sysinfo");
    now.real = nanoseconds(real);
    now.day = (u32)day.sec * 1000u + (u32)day.usec / 1000; /* modulo 2^32 ms */
    now.uptime = (u32)info.uptime;
    now.seconds = (u32)time(0);
    return now;
}

static int near(u64 a, u64 b, u64 apart)
{
    return (a > b ? a - b : b - a) <= apart;
}

static void compare(const struct clocks *first, const struct clocks *before,
                    const struct clocks *now)
{
    u64 passed = now->monotonic - first->monotonic;

    check(now->monotonic >= before->monotonic, "CLOCK_MONOTONIC goes back");
    check(now->real >= before->real, "CLOCK_REALTIME goes back");
    check(now->day - before->day < 1u << 31, "gettimeofday goes back");
    check(now->uptime >= before->uptime, "uptime goes back from %u s to %u s", before->uptime,
          now->uptime);
    check(now->seconds >= before->seconds, "time goes back from %u s to %u s", before->seconds,
          now->seconds);
    check(near(now->real - first->real, passed, 100 * MS),
          "CLOCK_REALTIME and CLOCK_MONOTONIC drift apart: %u, %u ms",
          (u32)((now->real - first->real) >> 20), (u32)(passed >> 20));
    check(near((u64)(now->uptime - first->uptime) * SECOND, passed, APART),
          "uptime and CLOCK_MONOTONIC drift apart");
    check(near((u64)(now->seconds - first->seconds) * SECOND, passed, APART),
          "time and CLOCK_MONOTONIC drift apart");
    check(near((u64)now->seconds * SECOND, now->real, APART), "time and CLOCK_REALTIME differ");
}

void run(void)
{
    u32 round, i, back, rounds = argument(1, 40), ms = argument(2, 10);
    struct clocks first = look(), before = first, now;
    u64 last, next;

    check(first.seconds > 946684800, "it is before the year 2000: %u s", first.seconds);
    for (round = 0; round < rounds; round++) {
        now = look();
        compare(&first, &before, &now);
        before = now;
        for (last = monotonic(), back = 0, i = 0; i < READINGS; i++, last = next)
            back += (next = monotonic()) < last;
        check(back == 0, "CLOCK_MONOTONIC goes back %u times in %u", back, READINGS);
        sleep_ms(ms);
    }
}
