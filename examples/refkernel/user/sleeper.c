/* A sleep is never shorter than asked for: sleeper [ROUNDS]. */
#include "lib.h"

const char name[] = "sleeper";

static void sleep_once(u32 nsec)
{
    struct timespec want = {(s32)(nsec / SECOND), (s32)(nsec % SECOND)};
    u64 before = monotonic(), after;
    int result = nanosleep(&want, 0);
    after = monotonic();
    check(result == 0, "nanosleep gives %d", result);
    check(after >= before, "the clock goes back");
    check(after - before >= nsec, "%u us of sleep last %u us", nsec / 1000,
          (u32)(after - before) / 1000);
}

void run(void)
{
    static const u32 lengths[] = {1, 999, 1 * MS, 5 * MS, 10 * MS, 10 * MS + 1, 25 * MS, 60 * MS};
    struct timespec wrong = {0, (s32)SECOND}, zero = {0, 0};
    u32 round, rounds = argument(1, 16);

    check(nanosleep(&wrong, 0) == -EINVAL, "a second of nanoseconds is accepted");
    check(nanosleep(&zero, 0) == 0, "nanosleep of nothing");
    for (round = 0; round < rounds; round++)
        sleep_once(lengths[round % COUNT(lengths)]);
}
