/* Trees of processes, each with its own memory; leaves are new programs: forker [ROUNDS]
   [WIDTH]. */
#include "lib.h"

const char name[] = "forker";

static u32 mine[256];

static void set(u32 seed)
{
    u32 i;
    for (i = 0; i < COUNT(mine); i++)
        mine[i] = xorshift(&seed);
}

static void check_mine(u32 seed)
{
    u32 i, wrong = 0;
    for (i = 0; i < COUNT(mine); i++)
        wrong += mine[i] != xorshift(&seed);
    check(wrong == 0, "%u words of a process's memory are another's", wrong);
}

static void leaf(u32 status)
{
    char digits[12], leaf_[] = "leaf", path[] = "/bin/forker";
    char *argv[] = {path, digits, leaf_, 0}, *envp[] = {0};
    int error;
    format(digits, sizeof digits, "%u", status);
    error = execve(path, argv, envp);
    check(0, "execve of %s gives %d", path, error);
}

static void tree(u32 depth, u32 width, u32 seed)
{
    u32 i;
    int pid[8], parent = getpid();

    set(seed);
    for (i = 0; i < width; i++)
        if ((pid[i] = spawn()) == 0) {
            check(getppid() == parent, "the parent is %d, not %d", getppid(), parent);
            check_mine(seed);
            if (depth == 0)
                leaf(50 + i);
            tree(depth - 1, width, seed * 8 + i);
            exit(50 + (int)i);
        }
    for (i = 0; i < width; i++)
        reap(pid[i], 50 + (int)i);
    check_mine(seed);
}

void run(void)
{
    u32 round, rounds = argument(1, 5), width = argument(2, 2);
    if (word(2) && same(word(2), "leaf"))
        exit((int)rounds);
    check(width <= 8, "a width over 8");
    for (round = 0; round < rounds; round++)
        tree(1, width, round + 1);
}
