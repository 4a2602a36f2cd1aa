/* The scheduler: every trap ends here, and here every process starts. There is nothing to switch
   but the page directory, the FPU and where the next trap pushes the registers. */
#include "kernel.h"

static int slice; /* ticks the current process has had */
static bool yield;

/* A slice is twice as long for the least nice, and a tick for the nicest. */
void sched_tick(void)
{
    int nice = current ? current->task.nice : 0;

    if (++slice >= MAX(1, SLICE_TICKS * (20 - nice) / 20))
        yield = true;
}

/* The others first. */
void sched_yield(void)
{
    yield = true;
}

void schedule(void)
{
    for (;;) {
        struct proc *p;

        process_bury();
        switchover_point();
        p = sched_pick(yield);
        if (p != current)
            slice = 0;
        yield = false;
        current = p;
        if (!p)
            idle();
        if (!aspace_use(&p->as)) {
            process_exit(p, SIGKILL); /* no frame left for its page directory */
            continue;
        }
        signal_deliver(p);
        if (p->state != P_RUNNABLE)
            continue;
        fpu_switch(p);
        segment_stack((uint32_t)(&p->frame + 1));
        segment_tls(p->task.tls);
        resume_user(&p->frame);
    }
}
