/* The clock: monotonic time from the switchover card, or by counting ticks when there is none. */
#include "kernel.h"

enum { WRITE_BACK_S = 660 }; /* the time goes into the CMOS every 11 minutes, as Linux has it */

struct clock clock;

uint64_t now(void)
{
    return sc_present() ? sc_time() : clock.ticks * NS_PER_TICK;
}

uint64_t uptime(void)
{
    return now() - clock.boot_ns;
}

uint64_t real_time(void)
{
    return now() + (uint64_t)clock.real_offset;
}

void clock_cold(void)
{
    clock.boot_ns = now();
    clock.real_offset = (int64_t)(cmos_read_time() * NS_PER_S - now());
}

/* now() goes on where the old kernel saved it, whoever counts it. */
void clock_restore(const struct ssm_time *time)
{
    clock.boot_ns = time->boot_ns;
    clock.real_offset = (int64_t)(time->real_ns - time->mono_ns);
    clock.ticks = (time->mono_ns + NS_PER_TICK - 1) / NS_PER_TICK;
    clock.switches = time->switch_count; /* this one counts from COMMIT on */
}

/* in_user_mode: a tick the program has used, not the kernel for it. */
void clock_tick(bool in_user_mode)
{
    clock.ticks++;
    if (current) {
        *(in_user_mode ? &current->utime_ns : &current->stime_ns) += NS_PER_TICK;
        cputimers_tick(current, in_user_mode);
    }
    timers_run(now());
    sched_tick();
    switchover_tick();
    if (clock.ticks % (WRITE_BACK_S * HZ) == 0)
        cmos_keep_time((uint32_t)(real_time() / NS_PER_S));
}
