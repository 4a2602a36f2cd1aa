/* Calls that a signal ends, or with SA_RESTART does not: F_SETLKW, flock, select (both of its
   numbers) and poll: interrupted [MS]; each waits about that long. */
#include "posix.h"

const char name[] = "interrupted";

struct old_select { u32 n, *in, *out, *except; struct timeval *limit; };

static char path[32];
static int rung[2]; /* a byte for every SIGALRM */
static volatile u32 rings;

static void ring(int signal)
{
    (void)signal;
    rings++;
    write(rung[1], "!", 1);
}

/* SIGALRM again and again, lest one comes before the call; 0: no more. */
static void alarm_every(u32 ms)
{
    const struct timeval period = { 0, (s32)(ms * 1000) };
    const struct itimerval timer = { period, period };

    check(setitimer(ITIMER_REAL, &timer, 0) == 0, "setitimer");
}

static int set(int fd, int how, int type)
{
    struct flock64 lock = { (short)type, 0, 0, 10, 0 };

    return fcntl(fd, how, &lock);
}

/* A child waits for what we hold until a signal comes, or with SA_RESTART until we let go. */
static void lock(u32 ms, int posix, u32 flags)
{
    int fd = open_mode(path, O_RDWR | O_CREAT, 0600), child, status;
    char byte;

    check((posix ? set(fd, F_SETLK64, F_WRLCK) : flock(fd, LOCK_EX)) == 0, "a lock");
    child = spawn();
    if (!child) {
        int mine = open(path, O_RDWR), got;
        on_signal_with(SIGALRM, (void *)ring, flags);
        alarm_every(ms);
        got = posix ? set(mine, F_SETLKW64, F_WRLCK) : flock(mine, LOCK_EX);
        alarm_every(0);
        check(got == (flags ? 0 : -EINTR), "%s gives %d with flags %x",
              posix ? "F_SETLKW" : "flock", got, flags);
        check(rings > 0, "a lock that is held is granted");
        exit(21);
    }
    check(read(rung[0], &byte, 1) == 1, "read");
    sleep_ms(ms);
    if (flags)
        check(wait4(child, &status, WNOHANG) == 0, "SA_RESTART does not wait again");
    else
        reap(child, 21);
    check((posix ? set(fd, F_SETLK64, F_UNLCK) : flock(fd, LOCK_UN)) == 0, "unlock");
    if (flags)
        reap(child, 21);
    close(fd);
}

/* Never run again, not even with SA_RESTART; what is left of the time is told. */
static void selected(u32 ms, int old, u32 flags)
{
    struct timeval limit = { 9, 0 };
    int quiet[2], got;
    u32 in;

    check(pipe(quiet) == 0, "pipe");
    in = 1u << quiet[0];
    rings = 0;
    on_signal_with(SIGALRM, (void *)ring, flags);
    alarm_every(ms);
    if (old) {
        struct old_select block = { (u32)quiet[0] + 1, &in, 0, 0, &limit };
        got = syscall(82, &block, 0, 0, 0, 0, 0);
    } else {
        got = select(quiet[0] + 1, &in, 0, 0, &limit);
    }
    alarm_every(0);
    check(got == -EINTR && rings > 0, "select gives %d with flags %x", got, flags);
    check(in == 1u << quiet[0], "select that was interrupted changes a set");
    check(limit.sec < 9 && limit.sec > 3 && limit.usec >= 0 && limit.usec < 1000000,
          "%d s, %d us are left of 9 s", limit.sec, limit.usec);
    close(quiet[0]);
    close(quiet[1]);
}

static void polled(u32 ms, u32 flags)
{
    int got;

    rings = 0;
    on_signal_with(SIGALRM, (void *)ring, flags);
    alarm_every(ms);
    got = poll(0, 0, 9000);
    alarm_every(0);
    check(got == -EINTR && rings > 0, "poll gives %d with flags %x", got, flags);
}

void run(void)
{
    u32 ms = argument(1, 20);

    format(path, sizeof path, "/tmp/interrupted%d", getpid());
    check(pipe(rung) == 0, "pipe");
    for (int again = 0; again < 2; again++) {
        u32 flags = again ? SA_RESTART : 0;
        lock(ms, 1, flags);
        lock(ms, 0, flags);
        selected(ms, 0, flags);
        selected(ms, 1, flags);
        polled(ms, flags);
    }
    check(unlink(path) == 0, "unlink");
}
