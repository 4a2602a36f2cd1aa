/* v1's structures. v2 has the same objects in other shapes: compare the two files side by side. */
#ifndef STRUCT_H
#define STRUCT_H
#include <stdbool.h>
#include <stdint.h>

struct pool { uint32_t size; void *free; };

/* User registers, in the order entry.S pushes them; the CPU enters a process's trap right here. */
struct trapframe {
    uint32_t gs, fs, es, ds;
    uint32_t edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax;
    uint32_t vector, error;
    uint32_t eip, cs, eflags, esp, ss; /* by the CPU */
};

/* A deadline in the object that waits for it; 0: not armed. */
struct alarm { uint64_t deadline, period; };

/* What a blocked call waits for, and what it has done so far. */
struct wait {
    uint32_t kind;       /* SSM_WAIT_... */
    uint32_t restart_nr; /* the call that is run again, 0 for none */
    uint32_t progress;   /* bytes it has moved */
    uint64_t obj;
};

struct sigact { uint32_t handler, flags, restorer; uint64_t mask; };
struct sigtable { struct sigact action[64]; };

struct vma { uint32_t start, end, prot, kind; };
struct vma_table { uint32_t count; struct vma vma[NVMA]; };

/* An address space: the page tables say which pages exist. */
struct aspace {
    uint32_t pgdir; /* physical */
    uint32_t brk_start, brk;
    struct vma_table *vmas;
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
    struct sigtable *sig;           /* none: all at their default */
    struct file *ofile[NOFILE];
    uint32_t cloexec;               /* bit n: descriptor n */
    struct alarm sleep, itimer;
    uint64_t utime_ns, stime_ns;
    uint32_t used_fpu;
    uint8_t fpu[108];               /* fnsave image, unless the registers are in the FPU */
};

struct inode {
    const char *name; /* without a leading slash; "" is the root */
    uint32_t ino, mode, size;
    const uint8_t *data;
};

struct file {
    uint32_t id; /* first: the table is sorted by it */
    uint32_t kind, flags;
    uint32_t refs;   /* descriptors that name it */
    uint64_t offset; /* of a timerfd: expirations nobody has read */
    struct inode *inode;
    struct pipe *pipe;
    struct alarm alarm;
};

/* `in` and `out` count bytes for ever; their difference is what is in it. */
struct pipe {
    uint32_t id; /* first: the table is sorted by it */
    uint32_t readers, writers; /* open files */
    uint32_t in, out;
    uint8_t *bytes;
};

/* Finished lines first, then the line being typed. */
struct tty {
    uint32_t finished, len;
    char input[TTY_INPUT];
};

struct clock {
    uint64_t ticks;
    uint64_t boot_ns;     /* now() at boot */
    int64_t real_offset;  /* wall clock = now() + this */
    uint32_t switches;
    uint64_t generation;  /* maps written */
};
#endif
