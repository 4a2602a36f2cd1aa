/* Signals: masks, nesting, restarted calls, and what is refused: signals [ROUNDS]. */
#include "lib.h"

const char name[] = "signals";

enum { BIT_USR1 = 1 << (SIGUSR1 - 1), BIT_TERM = 1 << (SIGTERM - 1) };

static volatile u32 count[32], depth, deepest;

static void counted(int signal)
{
    count[signal]++;
    deepest = ++depth > deepest ? depth : deepest;
    depth--;
}

static void nesting(int signal)
{
    count[signal]++;
    deepest = ++depth > deepest ? depth : deepest;
    if (signal == SIGUSR1)
        check(kill(getpid(), SIGTERM) == 0, "kill from a handler");
    depth--;
}

static void forget(void)
{
    memset((void *)count, 0, sizeof count);
    depth = deepest = 0;
}

static void masked(void)
{
    const u32 set[2] = {BIT_USR1 | BIT_TERM, 0};
    u32 old[2];

    forget();
    on_signal(SIGUSR1, counted);
    on_signal(SIGTERM, counted);
    check(sigprocmask(SIG_BLOCK, set, old) == 0 && old[0] == 0, "the mask was %x", old[0]);
    check(kill(getpid(), SIGTERM) == 0 && kill(getpid(), SIGUSR1) == 0, "kill");
    check(kill(getpid(), SIGUSR1) == 0, "kill twice");
    check(count[SIGUSR1] + count[SIGTERM] == 0, "a masked signal is delivered");
    check(sigprocmask(SIG_UNBLOCK, set, old) == 0 && old[0] == set[0], "the mask is %x", old[0]);
    check(count[SIGUSR1] == 1 && count[SIGTERM] == 1, "%u and %u of two signals", count[SIGUSR1],
          count[SIGTERM]);
}

static void nested(void)
{
    forget();
    on_signal(SIGUSR1, nesting);
    on_signal(SIGTERM, nesting);
    check(kill(getpid(), SIGUSR1) == 0, "kill");
    check(count[SIGUSR1] == 1 && count[SIGTERM] == 1, "%u and %u of two signals", count[SIGUSR1],
          count[SIGTERM]);
    check(deepest == 2, "a handler inside a handler is %u deep", deepest);
}

/* A child signals now and then while the parent reads from it: EINTR until told to stop. */
static void interrupted(void)
{
    int end[2], pid, parent = getpid(), got;
    char byte = 0;

    forget();
    on_signal(SIGUSR1, counted);
    check(pipe(end) == 0, "pipe");
    if ((pid = spawn()) == 0)
        for (;;) {
            sleep_ms(10);
            kill(parent, SIGUSR1);
        }
    got = read(end[0], &byte, 1);
    check(got == -EINTR, "a read over a signal gives %d", got);
    check(count[SIGUSR1] > 0, "EINTR without a signal");
    check(kill(pid, SIGKILL) == 0, "kill of the child");
    while (wait4(pid, &got, 0) == -EINTR)
        ;
    check(got == SIGKILL, "status %x, not 9", got);
    close(end[0]), close(end[1]);
}

/* A read with SA_RESTART takes the byte that the child writes after some signals. */
static void restarted(void)
{
    struct sigaction action = {counted, SA_RESTORER | SA_RESTART, sigrestore, {0, 0}};
    int end[2], pid, parent = getpid(), i, got;
    char byte = 0;

    forget();
    check(sigaction(SIGUSR1, &action) == 0, "rt_sigaction");
    check(pipe(end) == 0, "pipe");
    if ((pid = spawn()) == 0) {
        for (i = 0; i < 3; i++) {
            sleep_ms(10);
            kill(parent, SIGUSR1);
        }
        exit(write(end[1], "!", 1) == 1 ? 5 : 6);
    }
    got = read(end[0], &byte, 1);
    check(got == 1 && byte == '!', "a restarted read gives %d", got);
    check(count[SIGUSR1] > 0, "no signal from a child");
    reap(pid, 5);
    close(end[0]), close(end[1]);
}

static void refused(void)
{
    struct sigaction action = {counted, SA_RESTORER, sigrestore, {0, 0}};
    int pid, status = 0;

    check(sigaction(SIGKILL, &action) == -EINVAL, "SIGKILL can be caught");
    check(sigaction(65, &action) == -EINVAL, "there is a signal 65");
    check(kill(getpid(), 65) == -EINVAL, "signal 65 can be sent");
    check(kill(getpid(), 0) == 0, "kill with 0");
    if ((pid = spawn()) == 0) {
        on_signal(SIGTERM, (void (*)(int))SIG_IGN);
        kill(getpid(), SIGTERM);
        on_signal(SIGTERM, (void (*)(int))SIG_DFL);
        kill(getpid(), SIGTERM);
        exit(0);
    }
    check(wait4(pid, &status, 0) == pid && status == SIGTERM, "status %x, not 15", status);
}

void run(void)
{
    u32 round, rounds = argument(1, 4);
    for (round = 0; round < rounds; round++) {
        masked();
        nested();
        interrupted();
        restarted();
        refused();
    }
    forget();
}
