/* poll and select, with time limits that run over a switchover: poller [MS]. */
#include "posix.h"

const char name[] = "poller";

enum { LATE = 60 }; /* ms a limit may be late: ticks, and a blackout */

static int quiet[2]; /* a pipe nobody writes to */

static void in_time(u64 start, u32 ms, const char *what)
{
    u64 took = monotonic() - start;

    check(took >= (u64)ms * MS, "%s ends after %u ms of %u", what, (u32)took / MS, ms);
    check(took <= (u64)(ms + LATE) * MS, "%s takes %u ms, not %u", what, (u32)took / MS, ms);
}

static void poll_until(u32 ms)
{
    struct pollfd fds[3] = { { quiet[0], POLLIN, 0 }, { -1, POLLIN, 9 }, { quiet[1], 0, 0 } };
    u64 start = monotonic();

    check(poll(fds, 3, (int)ms) == 0, "poll of an empty pipe");
    in_time(start, ms, "poll");
    check(fds[0].revents == 0 && fds[1].revents == 0, "poll leaves what was there before");
}

static void select_until(u32 ms)
{
    u32 in = 1u << quiet[0];
    struct timeval limit = { (s32)(ms / 1000), (s32)(ms % 1000 * 1000) };
    u64 start = monotonic();

    check(select(quiet[0] + 1, &in, 0, 0, &limit) == 0, "select of an empty pipe");
    in_time(start, ms, "select");
    check(in == 0 && limit.sec == 0 && limit.usec == 0, "select says %u, %u us are left", in,
          (u32)limit.usec);
}

/* A child writes after ms: both see it at once, and what is left of the limit. */
static void woken(u32 ms)
{
    struct timeval limit = { 9, 0 };
    struct pollfd file = { 0, POLLIN, 0 };
    int ends[2], pid, told;
    u32 in;
    u64 start = monotonic();

    check(pipe(ends) == 0, "pipe");
    file.fd = ends[0];
    in = 1u << ends[0];
    told = spawn();
    if (!told) {
        check(select(ends[0] + 1, &in, 0, 0, &limit) == 1 && in == 1u << ends[0], "select");
        check(limit.sec == 8 && limit.usec > 0, "select says that %u s are left", (u32)limit.sec);
        exit(21);
    }
    pid = spawn();
    if (!pid) {
        sleep_ms(ms);
        check(write(ends[1], "!", 1) == 1, "write");
        exit(21);
    }
    check(poll(&file, 1, -1) == 1 && file.revents == POLLIN, "poll gives %u", (u32)file.revents);
    in_time(start, ms, "poll of a pipe");
    reap(told, 21);
    reap(pid, 21);
    close(ends[1]);
    check(read(ends[0], &pid, 1) == 1, "read");
    check(poll(&file, 1, 0) == 1 && file.revents == POLLHUP, "the end of a pipe");
    close(ends[0]);
}

void run(void)
{
    struct pollfd none = { 30, POLLIN, 0 };
    u32 ms = argument(1, 150), in = 1u << 30;

    check(pipe(quiet) == 0, "pipe");
    check(poll(&none, 1, -1) == 1 && none.revents == POLLNVAL, "poll of a closed descriptor");
    check(select(31, &in, 0, 0, 0) == -EBADF, "select of a closed descriptor");
    poll_until(ms);
    select_until(ms);
    woken(ms);
}
