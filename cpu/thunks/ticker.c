/*
 * The thread that ends slices. It stays out of the interpreter: one that wakes in it at every tick
 * holds the lock just when the slice that ended wants it back.
 */
#include "thunks.h"

enum { SYS_READ = 0, EINTR = 4 };

/* Start routine of a thread: stop the engine whenever the timer behind P.tick_file expires. */
void *ENTRY(tick)(void *unused)
{
    u64 expirations;
    s64 got;

    do {
        __asm__ volatile("syscall" : "=a"(got) : "0"(SYS_READ), "D"(P.tick_file),
                         "S"(&expirations), "d"(sizeof expirations) : "rcx", "r11", "memory");
        if (got > 0 && P.in_slice)
            P.limit = P.fence = 0;
    } while (!P.tick_end && (got > 0 || got == -EINTR));
    return 0;
}
