/* vfork: the child has its parent's memory, and the parent stands still until the child ends or
   begins another program: vforker [MS]. */
#include "lib.h"

const char name[] = "vforker";

static volatile u32 stage;
static volatile u64 ended;

static void hold(u32 ms)
{
    struct timespec want = {(s32)(ms / 1000), (s32)(ms % 1000 * MS)};
    while (nanosleep(&want, &want) == -EINTR)
        ;
}

/* The child ends after MS; the parent goes on then, and finds what it has written. */
static void until_exit(u32 ms)
{
    int pid;

    stage = 1;
    pid = vfork();
    if (pid == 0) {
        hold(ms);
        stage = 2;
        ended = monotonic();
        exit(9);
    }
    check(pid > 0, "vfork gives %d", pid);
    check(stage == 2, "the parent did not wait, or has other memory: stage %u", stage);
    check(monotonic() >= ended, "the parent goes on before its child has ended");
    reap(pid, 9);
}

/* The same with a program: memory is then two, and the parent's goes on as it was. */
static void until_exec(u32 ms)
{
    static char *const words[] = {"/bin/vforker", "child", 0};
    int pid;

    stage = 3;
    pid = vfork();
    if (pid == 0) {
        hold(ms);
        stage = 4;
        execve("/bin/nosuch", words, words + 2);
        stage = 5;
        execve(words[0], words, words + 2);
        exit(99);
    }
    check(stage == 5, "after the child's execve stage is %u", stage);
    reap(pid, 21);
}

/* A child of vfork may do the same. */
static void nested(u32 ms)
{
    int pid, inner;

    stage = 6;
    pid = vfork();
    if (pid == 0) {
        inner = vfork();
        if (inner == 0) {
            hold(ms);
            stage++;
            exit(3);
        }
        stage++;
        exit(4);
    }
    check(stage == 8, "two children deep, stage is %u", stage);
    reap(pid, 4);
}

/* A parent that is killed meanwhile leaves its memory to the child. */
static void killed(u32 ms)
{
    volatile u32 *shared = share_pages(PAGE);
    int pid = spawn(), status;

    if (pid == 0) {
        if (vfork() == 0) {
            shared[0] = 1;
            hold(ms);
            shared[0] = 2;
            exit(0);
        }
        exit(1);
    }
    while (shared[0] == 0)
        sleep_ms(1);
    check(kill(pid, SIGTERM) == 0 && kill(pid, SIGKILL) == 0, "kill");
    check(wait4(pid, &status, 0) == pid && status == SIGKILL, "status %x, not 9", status);
    check(shared[0] == 1, "the child did not wait");
    while (shared[0] == 1)
        sleep_ms(1);
    check(munmap((void *)shared, PAGE) == 0, "munmap");
}

void run(void)
{
    u32 ms = argument(1, 40);

    if (word(1) && same(word(1), "child"))
        exit(21);
    until_exit(ms);
    until_exec(ms);
    nested(ms);
    killed(ms);
    ended = 0;
}
