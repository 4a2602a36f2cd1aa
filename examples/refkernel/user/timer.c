/* Interval timers and timerfd: as often as asked, never early: timer [ROUNDS] [PERIOD_MS]. */
#include "lib.h"

const char name[] = "timer";

static volatile u32 alarms;

static void alarm(int signal)
{
    alarms += signal == SIGALRM;
}

static struct timeval timeval(u32 ms)
{
    struct timeval t = {(s32)(ms / 1000), (s32)(ms % 1000 * 1000)};
    return t;
}

static void interval(u32 rounds, u32 period)
{
    struct itimerval every = {timeval(period), timeval(period)}, off = {{0, 0}, {0, 0}}, now;
    u64 start = monotonic(), took;

    alarms = 0;
    check(setitimer(ITIMER_REAL, &every, 0) == 0, "setitimer");
    while (alarms < rounds) /* one that comes before pause() is followed by another */
        pause();
    took = monotonic() - start;
    check(took >= (u64)rounds * period * MS, "%u alarms of %u ms after %u us", rounds, period,
          (u32)took / 1000);
    check(getitimer(ITIMER_REAL, &now) == 0, "getitimer");
    check(now.interval.sec == every.interval.sec && now.interval.usec == every.interval.usec,
          "the interval is %u us, not %u ms", now.interval.usec, period);
    check(now.value.sec * 1000u + (u32)now.value.usec / 1000 <= period + 10, "%u us are left",
          now.value.usec);
    check(setitimer(ITIMER_REAL, &off, &now) == 0, "setitimer off");
    alarms = 0;
    sleep_ms(3 * period);
    check(alarms == 0, "%u alarms after the timer was turned off", alarms);
}

/* A signal ends a sleep, which tells what is left, and pause(); one that comes too early is followed
   by another. */
static void interrupted(void)
{
    struct itimerval every = {timeval(30), timeval(30)}, off = {{0, 0}, {0, 0}};
    struct timespec want = {100, 0}, left = {0, 0};
    int result;

    alarms = 0;
    check(setitimer(ITIMER_REAL, &every, 0) == 0, "setitimer");
    result = nanosleep(&want, &left);
    check(result == -EINTR, "a sleep that is interrupted gives %d", result);
    check(alarms > 0, "EINTR without an alarm");
    check(left.sec < 100 && (left.sec > 0 || left.nsec > 0), "%u s %u ns are left of 100 s",
          left.sec, left.nsec);
    check(pause() == -EINTR, "pause");
    check(setitimer(ITIMER_REAL, &off, 0) == 0, "setitimer off");
}

static void descriptor(u32 rounds, u32 period)
{
    struct itimerspec every = {{(s32)(period / 1000), (s32)(period % 1000 * MS)}, {0, 0}}, now;
    int fd = timerfd_create(CLOCK_MONOTONIC, 0), size = 8;
    u64 start, count = 0, expired;

    check(fd >= 0, "timerfd_create gives %d", fd);
    every.value = every.interval;
    start = monotonic();
    check(timerfd_settime(fd, &every) == 0, "timerfd_settime");
    while (count < rounds && size == 8) {
        size = read(fd, &expired, sizeof expired);
        count += expired;
    }
    check(size == 8, "read of a timerfd gives %d", size);
    check(monotonic() - start >= count * period * MS, "%u expiries of %u ms too early", (u32)count,
          period);
    check(read(fd, &expired, 4) == -EINVAL, "read of half an expiry count");
    check(timerfd_gettime(fd, &now) == 0, "timerfd_gettime");
    check(nanoseconds(now.value) <= (u64)(period + 10) * MS, "%u ns are left", now.value.nsec);
    check(close(fd) == 0, "close of a timerfd");
}

void run(void)
{
    u32 rounds = argument(1, 10), period = argument(2, 20);
    on_signal(SIGALRM, alarm);
    interval(rounds, period);
    interrupted();
    descriptor(rounds, period);
    alarms = 0;
}
