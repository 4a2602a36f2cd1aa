/* v1: processes. */
#ifndef PROC_H
#define PROC_H
#include <stdbool.h>
#include <stdint.h>
#include "aspace.h"
#include "param.h"
#include "sigtab.h"
#include "task.h"
#include "timer.h"
#include "trapframe.h"

/* Nothing in an object leads to the processes that wait for it. */
#define WAITERS(name)

/* What a blocked call waits for, and what it has done so far. */
struct wait {
    uint32_t kind;       /* SSM_WAIT_... */
    uint32_t restart_nr; /* the call that is run again, 0 for none */
    uint32_t progress;   /* bytes it has moved; fcntl: whom it waits for */
    uint64_t obj;
    uint64_t deadline;   /* when it gives up, now() ns; 0: never */
    uint64_t saved_mask; /* of sigsuspend, to go back to */
    bool masked;         /* there is one */
};

enum proc_state { P_RUNNABLE, P_BLOCKED, P_ZOMBIE, P_STOPPED };

struct proc {
    uint32_t pid; /* first: the table is sorted by it */
    uint32_t ppid, pgrp, sid;
    char name[16];
    enum proc_state state;
    uint32_t exit_code; /* as wait4 returns it */
    struct wait wait;
    struct trapframe frame;
    struct aspace as;
    uint64_t sig_pending, sig_mask; /* bit n-1: signal n */
    SIGNALS_OF_PROC
    struct task task;
    struct tty *tty;                /* that controls it, or none */
    struct inode *cwd, *exe;        /* where it is, what it runs */
    struct file *ofile[NOFILE];
    uint32_t nofile;                /* none from here on */
    uint32_t cloexec;               /* bit n: descriptor n */
    TIMERS_OF_PROC
    uint64_t utime_ns, stime_ns;
    uint32_t used_fpu;
    uint8_t fpu[108];               /* fnsave image, unless the registers are in the FPU */
};
#endif
