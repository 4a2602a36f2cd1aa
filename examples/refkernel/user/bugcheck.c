/* Tells whether the kernel has the bug that v2 fixes: getitimer of an armed timer with less than a
   tick left gives 0, as if it were not armed. bugcheck [ROUNDS] [MS]: prints `bugcheck: present` or
   `bugcheck: fixed` at the first look and whenever that changes. */
#include "lib.h"

const char name[] = "bugcheck";

enum { LOOKS = 20, PERIOD_US = 9000 }; /* under v1's tick of 10 ms; a periodic timer stays armed */

static int present(void)
{
    static const struct itimerval every = {{0, PERIOD_US}, {0, PERIOD_US}}, off;
    struct itimerval now;
    u32 i, zero = 0;

    check(setitimer(ITIMER_REAL, &every, 0) == 0, "setitimer");
    for (i = 0; i < LOOKS; i++) {
        if (getitimer(ITIMER_REAL, &now) != 0)
            check(0, "getitimer");
        zero += now.value.sec == 0 && now.value.usec == 0;
    }
    check(setitimer(ITIMER_REAL, &off, 0) == 0, "setitimer off");
    return zero > 0;
}

void run(void)
{
    u32 round, rounds = argument(1, 1), ms = argument(2, 10);
    int now, before = -1;

    on_signal(SIGALRM, (void (*)(int))SIG_IGN);
    for (round = 0; round < rounds; round++, before = now) {
        now = present();
        if (now != before)
            print("bugcheck: %s\n", now ? "present" : "fixed");
        sleep_ms(ms);
    }
}
