/* v2's structures. v1 has the same objects in other shapes: compare the two files side by side. */
#ifndef STRUCT_H
#define STRUCT_H
#include <stdbool.h>
#include <stdint.h>

struct pool { void *free; uint32_t size; };

/* User registers, in the order entry.S pushes them; the CPU enters a process's trap right here. */
struct trapframe {
    uint32_t edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax;
    uint32_t gs, fs, es, ds;
    uint32_t vector, error;
    uint32_t eip, cs, eflags, esp, ss; /* by the CPU */
};

/* One armed timer in the list of all, the next to expire first. */
struct timer {
    struct timer *next;
    uint32_t owner;
    uint16_t kind;
    uint64_t period, deadline;
};

/* The processes that wait for one thing, in the order they came. */
struct waitq { struct proc *first, *last; };

/* What a blocked call waits for, and what it has done so far. */
struct wait {
    uint64_t obj;
    struct waitq *queue;  /* it stands in, or none */
    struct proc *next;    /* behind it there */
    uint32_t progress;    /* bytes it has moved */
    uint16_t restart_nr;  /* the call that is run again, 0 for none */
    uint16_t kind;        /* SSM_WAIT_... */
};

/* Only actions other than the default exist. */
struct sigact {
    uint64_t mask;
    struct sigact *next;
    uint32_t flags, handler, restorer;
    uint8_t signo;
};

struct vma {
    struct vma *next;
    uint16_t kind, prot;
    uint32_t end, start;
};

/* Pages next to each other in linear and in physical addresses. */
struct extent {
    struct extent *next;
    uint32_t n, paddr, vaddr;
};

/* An address space: the extents say which pages exist, page tables are made as they are touched. */
struct aspace {
    struct vma *vmas;
    struct extent *extents, *hint; /* hint: where the last look-up ended */
    uint32_t vma_count;
    uint32_t brk, brk_start;
    uint32_t pgdir; /* physical; 0: not run yet */
};

struct fdslot { struct file *file; uint32_t cloexec; };
struct fdtable { struct fdslot slot[NOFILE]; };

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
    struct sigact *actions;
    uint64_t sig_mask, sig_pending; /* bit n-1: signal n */
    struct aspace as;
    uint64_t stime_ns, utime_ns;
    uint32_t exit_code; /* as wait4 returns it */
    char name[16];
    uint32_t sid, pgrp, ppid, pid;
};

struct inode {
    struct inode *next;
    const uint8_t *data;
    uint32_t size;
    const char *name; /* without a leading slash; "" is the root */
    uint16_t mode, ino;
};

struct file {
    struct file *next;
    union { struct inode *inode; struct pipe *pipe; };
    struct waitq waiters; /* for a timerfd to expire */
    uint64_t offset;      /* of a timerfd: expirations nobody has read */
    uint32_t flags;
    uint16_t refs;        /* descriptors that name it */
    uint8_t kind;
    uint32_t id;
};

struct pipe {
    struct pipe *next;
    struct waitq reading, writing;
    uint16_t head, used;       /* first byte, bytes */
    uint16_t writers, readers; /* open files */
    uint32_t seq;              /* bytes read from it so far */
    uint32_t id;
    uint8_t *bytes;
};

/* A ring: `lines` finished lines, then the line being typed. */
struct tty {
    char ring[TTY_INPUT];
    uint16_t first, used, lines;
    struct waitq readers;
};

struct clock {
    uint64_t generation;  /* maps written */
    int64_t real_offset;  /* wall clock = now() + this */
    uint64_t boot_ns;     /* now() at boot */
    uint32_t switches;
    uint64_t ticks;
};
#endif
