/* v2: processes. */
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

/* The processes that wait for one thing, in the order they came. */
struct waitq { struct proc *first, *last; };

#define WAITERS(name) struct waitq name; /* in an object that can be waited for */

/* What a blocked call waits for, and what it has done so far. */
struct wait {
    uint64_t obj;
    struct waitq *queue;  /* it stands in, or none */
    struct proc *next;    /* behind it there */
    uint64_t saved_mask;  /* of sigsuspend, to go back to */
    uint64_t deadline;    /* when it gives up, now() ns; 0: never */
    uint32_t progress;    /* bytes it has moved; fcntl: whom it waits for */
    bool masked;          /* there is a saved_mask */
    uint16_t restart_nr;  /* the call that is run again, 0 for none */
    uint16_t kind;        /* SSM_WAIT_... */
};

struct fdslot { struct file *file; uint32_t cloexec; };

struct fdtable { struct fdslot slot[NOFILE]; uint32_t end; }; /* end: none from here on */

enum proc_state { P_ZOMBIE = 1, P_STOPPED, P_BLOCKED, P_RUNNABLE };

struct proc {
    struct proc *next;     /* with the next higher pid */
    struct proc *run_next; /* behind it in the run queue, while queued */
    uint8_t fpu[108];      /* fnsave image, unless the registers are in the FPU */
    bool used_fpu, queued;
    enum proc_state state;
    struct trapframe frame;
    struct wait wait;
    struct fdtable *files;
    struct inode *exe;     /* what it runs; of a zombie none */
    struct inode *cwd;
    struct tty *tty;       /* that controls it, or none */
    SIGNALS_OF_PROC
    uint64_t sig_mask, sig_pending; /* bit n-1: signal n */
    struct aspace as;
    TIMERS_OF_PROC
    uint64_t stime_ns, utime_ns;
    struct task task;
    uint32_t exit_code; /* as wait4 returns it */
    char name[16];
    uint32_t sid, pgrp, ppid, pid;
};
#endif
