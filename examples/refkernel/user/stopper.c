/* Stopping and continuing a child that works, and one that sleeps: stopper [MS]. */
#include "lib.h"

const char name[] = "stopper";

static volatile u32 caught;
static void count(int signal) { caught += signal == SIGCHLD; }

static int status_of(int pid, int options)
{
    int status = -1, got;
    do
        got = wait4(pid, &status, options);
    while (got == -EINTR);
    check(got == pid, "wait4 with options %x gives %d", options, got);
    return status;
}

static void working(volatile u32 *shared, u32 ms)
{
    u32 before;
    int pid = spawn(), status;

    if (pid == 0)
        for (;;)
            shared[0]++;
    sleep_ms(5);
    check(kill(pid, SIGSTOP) == 0, "SIGSTOP");
    status = status_of(pid, WUNTRACED);
    check(status == (SIGSTOP << 8 | 0x7F), "a stopped child has status %x", status);
    check(wait4(pid, &status, WUNTRACED | WNOHANG) == 0, "it is told twice");
    before = shared[0];
    sleep_ms(ms);
    check(shared[0] == before, "a stopped child works");
    check(kill(pid, SIGCONT) == 0, "SIGCONT");
    status = status_of(pid, WCONTINUED);
    check(status == 0xFFFF, "a continued child has status %x", status);
    sleep_ms(20);
    check(shared[0] != before, "a continued child does not work");
    check(kill(pid, SIGSTOP) == 0 && kill(pid, SIGKILL) == 0, "SIGKILL");
    status = status_of(pid, WUNTRACED);
    if (status == (SIGSTOP << 8 | 0x7F))
        status = status_of(pid, 0);
    check(status == SIGKILL, "a stopped child killed has status %x", status);
}

/* A stop neither prolongs a sleep nor ends it. */
static void sleeping(volatile u32 *shared, u32 ms)
{
    int pid = spawn(), got, status;

    if (pid == 0) {
        struct timespec want = {0, (s32)(ms * MS)};
        u64 start = monotonic();
        setpgid(0, 0); /* of its own, whose members have a parent elsewhere: SIGTSTP stops them */
        got = nanosleep(&want, 0);
        shared[1] = (u32)(monotonic() - start) / MS;
        exit(got == 0 ? 6 : 1);
    }
    sleep_ms(2);
    kill(pid, SIGTSTP);
    status = status_of(pid, WUNTRACED);
    check(status == (SIGTSTP << 8 | 0x7F), "status %x, not stopped by SIGTSTP", status);
    sleep_ms(ms / 2);
    kill(pid, SIGCONT);
    reap(pid, 6);
    check(shared[1] >= ms && shared[1] < ms + 25, "it slept %u ms", shared[1]);
}

/* A group nobody is left to continue is hung up, which ends it here. */
static void orphaned(volatile u32 *shared)
{
    int pid = spawn(), i;

    shared[2] = 0;
    if (pid == 0) {
        int inner = fork();
        if (inner == 0) {
            setpgid(0, 0);
            on_signal(SIGHUP, (void (*)(int))SIG_DFL);
            shared[2] = (u32)getpid();
            kill(getpid(), SIGSTOP);
            for (;;)
                pause();
        }
        while (!shared[2])
            sleep_ms(1);
        status_of(inner, WUNTRACED);
        exit(8);
    }
    reap(pid, 8);
    for (i = 0; i < 200 && kill((int)shared[2], 0) == 0; i++)
        sleep_ms(2);
    check(i < 200, "a stopped group without a parent is not hung up");
}

void run(void)
{
    u32 ms = argument(1, 40);
    volatile u32 *shared = share_pages(PAGE);

    on_signal(SIGCHLD, count);
    working(shared, ms);
    check(caught > 0, "no SIGCHLD for a stopped child");
    sleeping(shared, ms);
    orphaned(shared);
    munmap((void *)shared, PAGE);
    caught = 0;
}
