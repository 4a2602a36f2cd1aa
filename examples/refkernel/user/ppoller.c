/* ppoll and pselect6: time limits in ns, and a signal mask for the wait alone: ppoller [MS]. */
#include "posix.h"

const char name[] = "ppoller";

enum { LATE = 60 }; /* ms a limit may be late: ticks, and a blackout */

static int quiet[2]; /* a pipe nobody writes to */
static volatile u32 rings;

static void ring(int signo)
{
    (void)signo;
    rings++;
}

static u64 mask_now(void)
{
    u64 mask = 0;

    check(syscall(175, SIG_BLOCK, 0, &mask, 8) == 0, "rt_sigprocmask");
    return mask;
}

/* limit 0: for ever; mask 0: the usual one. */
static int wait_for(int polls, struct timespec *limit, const u64 *mask)
{
    struct pollfd file = { quiet[0], POLLIN, 0 };
    const u32 both[2] = { (u32)mask, 8 };
    u32 in = 1u << quiet[0];

    return polls ? syscall(309, &file, 1, limit, mask, 8)
                 : syscall(308, quiet[0] + 1, &in, 0, 0, limit, both);
}

static void until_the_end(int polls, u32 ms, const u64 *mask)
{
    struct timespec limit = { 0, (s32)(ms * MS) };
    u64 start = monotonic(), took;

    check(wait_for(polls, &limit, mask) == 0, "an empty pipe is ready");
    took = monotonic() - start;
    check(took >= (u64)ms * MS && took < (u64)(ms + LATE) * MS, "%u ms take %u", ms,
          (u32)took / MS);
    check(limit.sec == 0 && limit.nsec == 0, "%d ns are left", limit.nsec);
    check(mask_now() == 1ull << (SIGUSR1 - 1), "another mask after the wait");
}

/* A child sends the signal that only the wait lets through. */
static void until_a_signal(int polls, u32 ms, int for_ever)
{
    struct timespec limit = { 9, 5 };
    const u64 none = 0;
    int me = getpid(), child = spawn(), got;

    if (!child) {
        sleep_ms(ms);
        check(kill(me, SIGUSR1) == 0, "kill");
        exit(0);
    }
    rings = 0;
    got = wait_for(polls, for_ever ? 0 : &limit, &none);
    check(got == -EINTR && rings == 1, "%d, %u signals", got, rings);
    check(for_ever || (limit.sec == 8 && limit.nsec > 0), "%d s are left of 9", limit.sec);
    check(mask_now() == 1ull << (SIGUSR1 - 1), "another mask after the signal");
    reap(child, 0);
}

/* One that waits already ends the call at once; a file that is ready comes first. */
static void already(int polls)
{
    struct timespec limit = { 9, 0 };
    const u64 none = 0;

    rings = 0;
    check(kill(getpid(), SIGUSR1) == 0 && rings == 0, "the mask does not hold");
    check(wait_for(polls, &limit, &none) == -EINTR && rings == 1, "%u signals", rings);
}

static void wrong(void)
{
    struct timespec limit = { 0, 1000000000 };
    const u64 none = 0;

    check(wait_for(1, &limit, 0) == -EINVAL && wait_for(0, &limit, 0) == -EINVAL, "1000000000 ns");
    check(syscall(309, 0, 0, 0, &none, 4) == -EINVAL, "a mask of 4 bytes");
    check(syscall(309, 0, 0, 4, 0, 8) == -EFAULT, "a limit that is not there");
    limit.nsec = 0;
    check(syscall(309, 0, 0, &limit, 4, 8) == -EFAULT, "a mask that is not there");
    check(syscall(308, -1, 0, 0, 0, &limit, 0) == -EINVAL, "-1 files");
}

void run(void)
{
    u32 ms = argument(1, 100);
    const u64 all = ~0ull, usr1 = 1ull << (SIGUSR1 - 1);

    check(pipe(quiet) == 0, "pipe");
    on_signal(SIGUSR1, ring);
    check(syscall(175, SIG_BLOCK, &usr1, 0, 8) == 0, "rt_sigprocmask");
    for (int polls = 0; polls < 2; polls++) {
        until_the_end(polls, ms, 0);
        until_the_end(polls, ms, &all);
        until_a_signal(polls, ms, 0);
        until_a_signal(polls, ms, 1);
        already(polls);
    }
    wrong();
}
