/* wait4 gets each child once, with its status: waiter [ROUNDS] [MS]. */
#include "lib.h"

const char name[] = "waiter";

enum { CHILDREN = 4 };

/* The parent blocks until a sleeping child ends. */
static void sleeping(u32 ms, int status)
{
    int pid = spawn();
    if (pid == 0) {
        sleep_ms(ms);
        exit(status);
    }
    reap(pid, status);
}

/* A child that waits for us is not there yet; then it is. */
static void polled(void)
{
    int end[2], pid, status = 0;
    char byte;

    check(pipe(end) == 0, "pipe");
    pid = spawn();
    if (pid == 0) {
        close(end[1]);
        exit(read(end[0], &byte, 1) == 0 ? 33 : 34);
    }
    check(wait4(pid, &status, WNOHANG) == 0, "WNOHANG for a child that runs");
    close(end[0]);
    close(end[1]);
    reap(pid, 33);
    check(wait4(pid, &status, 0) == -ECHILD, "a child can be waited for twice");
}

static void killed(void)
{
    int status = 0, pid = spawn();
    if (pid == 0)
        for (;;)
            pause();
    check(kill(pid, SIGTERM) == 0, "kill");
    check(wait4(pid, &status, 0) == pid, "wait4 for a killed child");
    check(status == SIGTERM, "status %x of a killed child", status);
    check(kill(pid, SIGTERM) == -ESRCH, "kill of a child that was waited for");
}

/* Whoever ends first: every status comes exactly once. */
static void any(u32 ms)
{
    int i, pid, status, seen = 0;
    for (i = 0; i < CHILDREN; i++)
        if (spawn() == 0) {
            sleep_ms(ms * (u32)(CHILDREN - i) / 2);
            exit(40 + i);
        }
    for (i = 0; i < CHILDREN; i++) {
        pid = wait4(-1, &status, 0);
        check(pid > 0, "wait4 for any child gives %d", pid);
        check((status >> 8) - 40 >= 0 && (status >> 8) - 40 < CHILDREN, "status %x", status);
        seen |= 1 << ((status >> 8) - 40);
    }
    check(seen == (1 << CHILDREN) - 1, "children %x are seen, not all", seen);
    check(wait4(-1, &status, 0) == -ECHILD, "more children than were started");
}

void run(void)
{
    u32 round, rounds = argument(1, 5), ms = argument(2, 20);
    for (round = 0; round < rounds; round++) {
        sleeping(ms, (int)(100 + round % 100));
        polled();
        killed();
        any(ms);
    }
}
