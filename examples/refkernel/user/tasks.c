/* What Linux keeps of a process: users, umask, group, priority, CPU timers, thread areas:
   tasks [MS]. */
#include "lib.h"

const char name[] = "tasks";

static volatile u32 virtual, prof;
static u32 area[4] = {0x600DDA7A, 2, 3, 4};

static void fired(int signal)
{
    if (signal == SIGVTALRM)
        virtual++;
    else
        prof++;
}

static u32 of_area(void)
{
    u32 value;
    __asm__ volatile("movl %%gs:0, %0" : "=r"(value));
    return value;
}

static void set_up(void)
{
    const struct itimerval every = {{0, 30000}, {0, 30000}};
    struct user_desc desc = {~0u, (u32)area, sizeof area - 1, 1};

    check(umask(027) == 022, "the first umask is not 022");
    check(setpgid(0, 0) == 0, "setpgid");
    check(syscall(34, 5) == 0, "nice");
    check(set_thread_area(&desc) == 0 && desc.entry >= 6 && desc.entry <= 8, "entry %u", desc.entry);
    __asm__ volatile("movw %w0, %%gs" : : "r"(desc.entry * 8 + 3));
    check(of_area() == area[0], "gs:0 is %x", of_area());
    on_signal(SIGVTALRM, fired);
    on_signal(SIGPROF, fired);
    check(setitimer(ITIMER_VIRTUAL, &every, 0) == 0 && setitimer(ITIMER_PROF, &every, 0) == 0,
          "setitimer");
    check(syscall(172, 15, "a new name", 0, 0, 0) == 0, "prctl");
    check(setresuid(1000, 1001, 1002) == 0, "setresuid");
}

static void still(void)
{
    struct user_desc desc = {6, 0, 0, 0};
    char own[16] = {0};
    u32 ids[3] = {0, 0, 0};

    check(getresuid(ids) == 0 && ids[0] == 1000 && ids[1] == 1001 && ids[2] == 1002,
          "users are %u %u %u", ids[0], ids[1], ids[2]);
    check(setresuid(0, ~0u, ~0u) == -EPERM, "everybody may become user 0");
    check(kill(1, 0) == -EPERM, "everybody may signal the first process");
    check(umask(027) == 027, "umask has changed");
    check(getpgid(0) == getpid(), "the group is %d", getpgid(0));
    check(syscall(96, 0, 0) == 15, "20 - nice is %d", syscall(96, 0, 0));
    check(of_area() == area[0], "gs:0 is %x now", of_area());
    check(get_thread_area(&desc) == 0 && desc.base == (u32)area && desc.limit == sizeof area - 1
          && desc.bits == 1, "the thread area is %x, %x, %x", desc.base, desc.limit, desc.bits);
    check(syscall(172, 16, own, 0, 0, 0) == 0 && same(own, "a new name"), "the name is %s", own);
}

void run(void)
{
    const struct itimerval never = {{0, 0}, {0, 0}};
    u32 round, rounds = argument(1, 60) / 10;
    u64 until;

    set_up();
    for (round = 0; round < rounds; round++) {
        still();
        until = monotonic() + 10 * (u64)MS;
        while (monotonic() < until)
            ;
    }
    setitimer(ITIMER_VIRTUAL, &never, 0);
    setitimer(ITIMER_PROF, &never, 0);
    check(prof > 0 && virtual <= prof, "%u and %u CPU timers", virtual, prof);
    virtual = prof = 0;
}
