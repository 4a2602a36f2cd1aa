/* Signals that wait: masked, queued with what they tell, under sigsuspend and sigtimedwait, and
   handlers on a stack of their own: pending [MS]. */
#include "lib.h"

const char name[] = "pending";

static volatile u32 seen[65], order, values[8];
static volatile s32 codes[8];
static u8 stack[8192];
static u8 *volatile handler_sp;

static void plain(int signal) { seen[signal] = ++order; }

static void told(int signal, struct siginfo *info, void *context)
{
    u8 here;
    (void)context;
    handler_sp = &here;
    codes[order] = info->code;
    values[order] = (u32)info->fields[2];
    seen[signal] = ++order;
}

static void forget(void)
{
    memset((void *)seen, 0, sizeof seen);
    order = 0;
}

static u32 bit(int signal) { return 1u << (signal - 1) % 32; }

/* One SIGUSR1, three SIGRT with their values in order, while masked. */
static void masked(u32 ms)
{
    const u32 set[2] = {bit(SIGUSR1), bit(SIGRT)};
    struct siginfo info = {.code = SI_QUEUE};
    u32 old[2], waiting[2], i;

    forget();
    on_signal(SIGUSR1, plain);
    on_signal_with(SIGRT, (void *)told, SA_SIGINFO);
    sigprocmask(SIG_BLOCK, set, old);
    for (i = 0; i < 3; i++) {
        info.fields[2] = (s32)(1000 + i);
        check(kill(getpid(), SIGUSR1) == 0, "kill");
        check(sigqueueinfo(getpid(), SIGRT, &info) == 0, "rt_sigqueueinfo");
    }
    sleep_ms(ms);
    check(sigpending(waiting) == 0 && waiting[0] == set[0] && waiting[1] == set[1],
          "pending are %x %x", waiting[1], waiting[0]);
    check(order == 0, "a masked signal is delivered");
    sigprocmask(SIG_SETMASK, old, 0);
    check(order == 4 && seen[SIGUSR1] == 4, "%u signals, SIGUSR1 was number %u", order,
          seen[SIGUSR1]); /* its frame is made first and therefore returned to last */
    for (i = 0; i < 3; i++)
        check(values[i] == 1000 + i && codes[i] == SI_QUEUE, "value %u is %u, code %d", i,
              values[i], codes[i]);
}

/* Waits under another mask, which is gone afterwards. */
static void suspended(u32 ms)
{
    const u32 block[2] = {bit(SIGUSR1) | bit(SIGUSR2), 0}, only[2] = {~bit(SIGUSR1), ~0u};
    u32 now[2], i;
    int pid, parent = getpid(), got;

    forget();
    on_signal(SIGUSR1, plain);
    on_signal(SIGUSR2, plain);
    sigprocmask(SIG_SETMASK, block, 0);
    if ((pid = spawn()) == 0) {
        sleep_ms(ms);
        kill(parent, SIGUSR2);
        sleep_ms(5);
        kill(parent, SIGUSR1);
        exit(0);
    }
    got = sigsuspend(only);
    check(got == -EINTR && seen[SIGUSR1] == 1 && !seen[SIGUSR2], "sigsuspend gives %d, %u %u", got,
          seen[SIGUSR1], seen[SIGUSR2]);
    sigprocmask(SIG_SETMASK, 0, now);
    check(now[0] == block[0] && now[1] == 0, "the mask is now %x %x", now[1], now[0]);
    for (i = 0; i < 2; i++)
        now[i] = 0;
    sigprocmask(SIG_SETMASK, now, 0);
    check(seen[SIGUSR2] == 2, "the other signal is lost");
    reap(pid, 0);
}

/* Takes a signal without its handler; or none in time. */
static void taken(u32 ms)
{
    const u32 set[2] = {bit(SIGUSR1), bit(SIGRT)}, none[2] = {0, 0};
    struct timespec limit = {0, (s32)(ms * MS)};
    struct siginfo info;
    int pid, parent = getpid(), got;
    u64 start;

    forget();
    sigprocmask(SIG_SETMASK, set, 0);
    start = monotonic();
    got = sigtimedwait(set, &info, &limit);
    check(got == -EAGAIN && monotonic() - start >= ms * (u64)MS, "sigtimedwait gives %d", got);
    check(monotonic() - start < (ms + 25) * (u64)MS, "sigtimedwait lasts too long");
    if ((pid = spawn()) == 0) {
        struct siginfo tell = {.code = SI_QUEUE, .fields = {0, 0, 4711}};
        sleep_ms(ms);
        sigqueueinfo(parent, SIGRT, &tell);
        exit(0);
    }
    got = sigtimedwait(set, &info, 0);
    check(got == SIGRT && info.fields[2] == 4711, "sigtimedwait gives %d, %u", got,
          (u32)info.fields[2]);
    sigprocmask(SIG_SETMASK, none, 0);
    check(order == 0, "what sigtimedwait takes is handled, too");
    reap(pid, 0);
}

static void elsewhere(u32 ms)
{
    struct stack new = {stack, 0, sizeof stack}, old;

    forget();
    check(sigaltstack(&new, 0) == 0, "sigaltstack");
    on_signal_with(SIGUSR1, (void *)told, SA_SIGINFO | SA_ONSTACK);
    sleep_ms(ms);
    kill(getpid(), SIGUSR1);
    check(handler_sp > stack && handler_sp <= stack + sizeof stack, "the handler is not there");
    check(sigaltstack(0, &old) == 0 && old.sp == stack && old.size == sizeof stack && !old.flags,
          "the stack is %x now", (u32)old.sp);
    new.flags = 2;
    check(sigaltstack(&new, 0) == 0, "no stack any more");
}

void run(void)
{
    u32 ms = argument(1, 30);

    masked(ms);
    suspended(ms);
    taken(ms);
    elsewhere(ms);
    forget();
    memset(stack, 0, sizeof stack);
    handler_sp = 0;
    memset((void *)values, 0, sizeof values);
}
