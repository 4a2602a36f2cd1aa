/* Every kind of object, held still: still [MS]. Its processes wait, each in its own way, and for
   MS ms nothing runs. Then each is let go, and must have kept what it had. */
#include "lib.h"

const char name[] = "still";

enum { FULL = 4096, PIECE = 6000, PAGES = 24, OFFSET = 777, MASK = 027, MINUTES = 600 };
enum { READER, WRITER, SLEEPER, SIGNALLED, X87, STOPPED, TIMED, PARENT, SUSPENDED, WAITING, VFORKED,
       KINDS };
enum { QUEUED = -1, VIRTUAL = 1 }; /* SI_QUEUE, ITIMER_VIRTUAL */
enum { PID, UID, VALUE };          /* of a siginfo's fields */

static int go[2], out[2], full[2], child[KINDS], gone, asleep_ms;
static volatile int usr1, usr2, alarms;
static u8 bytes[PIECE], x87[2][108];

static void count(int signal)
{
    if (signal == SIGUSR1)
        usr1++;
    else if (signal == SIGUSR2)
        usr2++;
    else
        alarms++;
}

static void wait_to_go(void)
{
    char byte = 0;

    check(read(go[0], &byte, 1) == 1 && byte == 'g', "nobody said go");
}

static void writing(void)
{
    u32 i, state = 5;

    for (i = 0; i < PIECE; i++)
        bytes[i] = (u8)xorshift(&state);
    check(write(full[1], bytes, PIECE) == PIECE, "a write to a full pipe is cut");
}

/* Two of a real-time signal are queued for ourselves, which is blocked. */
static void queue(void)
{
    struct siginfo info = {SIGRT, 0, QUEUED, {getpid(), 0, 7}};

    check(sigqueueinfo(getpid(), SIGRT, &info) == 0, "sigqueueinfo");
    info.fields[VALUE] = 8;
    check(sigqueueinfo(getpid(), SIGRT, &info) == 0, "sigqueueinfo");
}

static void unqueue(void)
{
    static const u32 set[2] = {0, 1u << (SIGRT - 33)};
    static const struct timespec at_once;
    struct siginfo info;
    int value;

    for (value = 7; value <= 8; value++) {
        check(sigtimedwait(set, &info, &at_once) == SIGRT, "a queued signal");
        check(info.fields[VALUE] == value, "it says %d, not %d", info.fields[VALUE], value);
    }
    check(sigtimedwait(set, &info, &at_once) == -EAGAIN, "a third queued signal");
}

/* SIGUSR1 ends the pause; SIGUSR2 is blocked and has come before. */
static void signalled(void)
{
    static const u32 second[2] = {1u << (SIGUSR2 - 1), 1u << (SIGRT - 33)};

    on_signal(SIGUSR1, count);
    on_signal(SIGUSR2, count);
    check(sigprocmask(SIG_BLOCK, second, 0) == 0, "sigprocmask");
    check(kill(getpid(), SIGUSR2) == 0, "kill");
    queue();
    check(pause() == -EINTR, "pause");
    check(usr1 == 1 && usr2 == 0, "signals before: %d %d", usr1, usr2);
    unqueue();
    check(sigprocmask(SIG_UNBLOCK, second, 0) == 0, "sigprocmask");
    check(usr1 == 1 && usr2 == 1, "signals after: %d %d", usr1, usr2);
}

/* Eight numbers and the control word stay in the FPU over a call that blocks. */
static void calculating(void)
{
    static const u16 control = 0x0F7F; /* extended precision, towards zero, no exceptions */
    u32 i;

    __asm__ volatile("fninit; fldcw %2; fldpi; fldl2e; fldlg2; fldln2\n\t"
                     "fldl2t; fld1; fldz; fldpi\n\t"
                     "fnsave %0; frstor %1"
                     : "=m"(x87[0]) : "m"(x87[0]), "m"(control));
    wait_to_go();
    __asm__ volatile("fnsave %0" : "=m"(x87[1]));
    for (i = 0; i < sizeof x87[0]; i++)
        if (i < 12 || i >= 28) /* where the last instruction was is not a result */
            check(x87[0][i] == x87[1][i], "byte %u of the x87 image", i);
}

static void timed(void)
{
    const struct itimerval soon = {{0, 0}, {asleep_ms / 1000, (asleep_ms % 1000 + 100) * 1000}};
    const struct itimerspec later = {{0, 0},
                                     {asleep_ms / 1000, (asleep_ms % 1000 + 200) * 1000000}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);
    u64 expired = 0;

    on_signal(SIGALRM, count);
    check(fd >= 0, "timerfd_create");
    check(timerfd_settime(fd, &later) == 0, "timerfd_settime");
    check(setitimer(ITIMER_REAL, &soon, 0) == 0, "setitimer");
    check(read(fd, &expired, sizeof expired) == -EINTR, "read of a timerfd before its time");
    check(alarms == 1, "%d alarms", alarms);
    check(read(fd, &expired, sizeof expired) == sizeof expired, "read of a timerfd");
    check(expired == 1, "expired %u times", (u32)expired);
}

static void parent(void)
{
    int pid = spawn();

    if (pid == 0) {
        wait_to_go();
        exit(9);
    }
    reap(pid, 9);
}

/* In sigsuspend with nothing blocked; with a thread area, a mask for files, a timer of CPU time. */
static void suspended(void)
{
    static const u32 first[2] = {1u << (SIGUSR1 - 1), 0}, none[2];
    static const struct itimerval cpu = {{0, 0}, {MINUTES, 0}};
    static u32 local = 0x10CA1;
    struct user_desc area = {~0u, (u32)&local, 0xFFFFF, 0x51}; /* 32 bits, in pages, usable */
    struct itimerval left;
    u32 old[2], found;

    on_signal(SIGUSR1, count);
    check(set_thread_area(&area) == 0, "set_thread_area");
    __asm__ volatile("movw %w0, %%gs" : : "r"(area.entry * 8 + 3));
    umask(MASK);
    check(setitimer(VIRTUAL, &cpu, 0) == 0, "setitimer");
    check(sigprocmask(SIG_BLOCK, first, 0) == 0, "sigprocmask");
    check(sigsuspend(none) == -EINTR, "sigsuspend");
    check(usr1 == 1, "%d signals", usr1);
    check(sigprocmask(SIG_BLOCK, none, old) == 0 && old[0] == first[0], "mask %x", old[0]);
    __asm__ volatile("movl %%gs:0, %0" : "=r"(found));
    check(found == local, "%x in the thread area", found);
    check(umask(0) == MASK, "umask");
    check(getitimer(VIRTUAL, &left) == 0, "getitimer");
    check(left.value.sec >= MINUTES - 9 && left.value.sec <= MINUTES, "%d s", left.value.sec);
}

static void waiting(void)
{
    static const u32 first[2] = {1u << (SIGUSR1 - 1), 0};
    static const struct timespec long_enough = {MINUTES, 0};
    struct siginfo info;

    check(sigprocmask(SIG_BLOCK, first, 0) == 0, "sigprocmask");
    check(sigtimedwait(first, &info, &long_enough) == SIGUSR1, "sigtimedwait");
    check(info.fields[PID] == getppid(), "SIGUSR1 of pid %d", info.fields[PID]);
}

/* The parent goes on when its child has ended, not before: they share stack and memory. */
static void vforked(void)
{
    static volatile int ended;
    int pid;

    /* vfork, and no return address of a call where the child would overwrite it */
    __asm__ volatile("int $0x80" : "=a"(pid) : "a"(190) : "memory");
    if (pid == 0) {
        wait_to_go();
        ended = 1;
        exit(6);
    }
    check(pid > 0 && ended, "vfork gives %d before the child has ended", pid);
    reap(pid, 6);
}

static void be(int kind)
{
    switch (kind) {
    case READER: wait_to_go(); break;
    case WRITER: writing(); break;
    case SLEEPER: sleep_ms((u32)asleep_ms + 50); break;
    case SIGNALLED: signalled(); break;
    case X87: calculating(); break;
    case STOPPED:
        for (;;)
            check(write(out[1], "s", 1) == 1, "write");
    case TIMED: timed(); break;
    case PARENT: parent(); break;
    case SUSPENDED: suspended(); break;
    case WAITING: waiting(); break;
    case VFORKED: vforked(); break;
    }
    exit(40 + kind);
}

static void memory(u8 *at, int fill)
{
    u32 i, state = 77;

    for (i = 0; i < PAGES * PAGE; i += 64) {
        u8 byte = (u8)xorshift(&state);
        if (i / PAGE % 5 == 3)
            continue; /* pages nobody has touched */
        if (fill)
            at[i] = byte;
        else
            check(at[i] == byte, "memory at %u", i);
    }
}

void run(void)
{
    u8 *mapped = map_pages(PAGES * PAGE, PROT_READ | PROT_WRITE), *heap = (u8 *)brk(0);
    int kind, fd = open("/etc/data", O_RDONLY), same_file = dup(fd);
    char byte = 0;
    u32 i, n;

    asleep_ms = (int)argument(1, 2000);
    check(brk((u32)heap + PAGES * PAGE) == (u32)heap + PAGES * PAGE, "brk");
    check(munmap(mapped + 7 * PAGE, PAGE) == 0, "munmap");
    check(map_pages(PAGE, PROT_READ) != 0, "mmap");
    memory(heap, 1);
    check(lseek(fd, OFFSET, SEEK_SET) == OFFSET, "lseek");
    check(pipe(go) == 0 && pipe(out) == 0 && pipe(full) == 0, "pipe");
    for (i = 0; i < FULL; i += 512)
        check(write(full[1], bytes, 512) == 512, "write");
    for (kind = 0; kind < KINDS; kind++)
        if ((child[kind] = spawn()) == 0)
            be(kind);
    gone = spawn();
    if (gone == 0)
        exit(7);
    sleep_ms(60);
    check(kill(child[STOPPED], SIGSTOP) == 0, "SIGSTOP");
    print("still: %u processes wait\n", (u32)KINDS + 4);

    sleep_ms((u32)asleep_ms);

    check(write(go[1], "gggg", 4) == 4, "go");
    for (n = 0; n < FULL; n++)
        check(read(full[0], &byte, 1) == 1 && byte == 0, "what was in the full pipe");
    check(read_all(full[0], bytes, PIECE) == PIECE, "what was written to the full pipe");
    for (n = 0, i = 5; n < PIECE; n++)
        check(bytes[n] == (u8)xorshift(&i), "byte %u of the full pipe", n);
    check(kill(child[SIGNALLED], SIGUSR1) == 0, "SIGUSR1");
    check(kill(child[SUSPENDED], SIGUSR1) == 0, "SIGUSR1");
    check(kill(child[WAITING], SIGUSR1) == 0, "SIGUSR1");
    check(kill(child[STOPPED], SIGCONT) == 0, "SIGCONT");
    check(read(out[0], &byte, 1) == 1 && byte == 's', "what the stopped one wrote");
    check(kill(child[STOPPED], SIGTERM) == 0, "SIGTERM");
    check(wait4(child[STOPPED], &kind, 0) == child[STOPPED] && kind == SIGTERM, "its end");
    for (kind = 0; kind < KINDS; kind++)
        if (kind != STOPPED)
            reap(child[kind], 40 + kind);
    reap(gone, 7);
    memory(heap, 0);
    check(lseek(same_file, 0, SEEK_CUR) == OFFSET, "the offset of a file open twice");
}
