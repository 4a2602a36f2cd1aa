/* Children that have ended wait to be asked for, with their status and their time: zombies [MS]. */
#include "lib.h"

const char name[] = "zombies";

enum { CHILDREN = 5 };

static void work(u32 ms)
{
    u64 until = monotonic() + (u64)ms * MS;
    while (monotonic() < until)
        ;
}

void run(void)
{
    u32 ms = argument(1, 60), n;
    int pids[CHILDREN], status, got;
    struct rusage usage;
    struct siginfo info;
    struct tms before, after;

    for (n = 0; n < CHILDREN; n++)
        if ((pids[n] = spawn()) == 0) {
            if (n == 0)
                work(60);
            if (n == 1)
                kill(getpid(), SIGTERM);
            exit(10 + n);
        }
    got = waitid(0, 0, &info, WEXITED | WNOWAIT);
    check(got == 0 && info.signo == SIGCHLD, "waitid gives %d", got);
    sleep_ms(ms);
    times(&before);
    for (n = CHILDREN; n-- > 0;) {
        got = wait4_usage(pids[n], &status, 0, &usage);
        check(got == pids[n], "wait4 gives %d for a zombie", got);
        check(status == (n == 1 ? SIGTERM : (int)(10 + n) << 8), "status %x of child %u", status, n);
        check(kill(pids[n], 0) == -ESRCH, "a zombie is still there when it has been waited for");
    }
    times(&after);
    check(usage.utime.usec + usage.stime.usec > 0, "a child that works uses no time");
    check(after.cutime + after.cstime > before.cutime + before.cstime, "nor does its parent's sum");
    check(wait4(-1, &status, 0) == -ECHILD, "there are children left");
    on_signal_with(SIGCHLD, (void *)SIG_IGN, 0);
    if (spawn() == 0)
        exit(3);
    check(wait4(-1, &status, 0) == -ECHILD, "a child nobody wants is waited for");
}
