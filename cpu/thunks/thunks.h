/*
 * Machine code the engine calls instead of Python.
 *
 * All of it is freestanding and position independent: one read-only block of code, and `P`, the
 * page of parameters behind it, at a fixed distance. cpu/native.py loads the bytes of
 * cpu/machine_code.py, which rebuild.py makes from these files, and fills in P.
 *
 * It has to be native, not only for speed: a fault while an exception is delivered leaves by
 * siglongjmp, which must not cross frames of the Python interpreter.
 */

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed long s64;
typedef u64 wide __attribute__((vector_size(16), aligned(1)));

/* QEMU 5.0, target/i386/cpu.h and hw/core/cpu.h */
enum {
    EFLAGS_IF = 1 << 9,
    EFLAGS_IOPL_SHIFT = 12,
    EFLAGS_RF = 1 << 16,
    EFLAGS_VM = 1 << 17,
    EFLAGS_AC = 1 << 18,
    EFLAGS_ID = 1 << 21,
    CR0_NE = 1 << 5,
    CR0_AM = 1 << 18,
    HF_CPL = 3,
    HF_INHIBIT_IRQ = 1 << 3,
    HF_PE = 1 << 7,
    HF2_NMI = 1 << 2,             /* an NMI handler runs: further ones are held */
    CPU_INTERRUPT_HARD = 0x002,
    CPU_INTERRUPT_DEBUG = 0x080,  /* EXCP_DEBUG between two blocks */
    CPU_INTERRUPT_NMI = 0x200,
    DR6_BD = 1 << 13,
    DR7_ENABLED = 0xff,           /* any breakpoint */
    DR7_GD = 1 << 13,
    EXCP_DB = 1,
    EXCP_UD = 6,
    EXCP_DF = 8,
    EXCP_TS = 10,
    EXCP_SS = 12,
    EXCP_GP = 13,
    EXCP_PF = 14,
    PF_W = 2,                     /* of its error code */
    EXCP_MF = 16,
    EXCP_AC = 17,
    EXCP_INTERRUPT = 0x10000,     /* a stop was asked for */
    EXCP_DEBUG = 0x10002,         /* a breakpoint, or a MOV of a guarded debug register */
    CF_COUNT_MASK = 0x7fff,       /* of cflags: most instructions of a block */
};

enum delivering { NOTHING, SOFTWARE, EXTERNAL };
enum access { LOAD, STORE, FETCH };
enum { CLOCK_MONOTONIC = 1, CLOCK_THREAD_CPUTIME = 3 };

/* TranslationBlock, its first fields; the code it was translated to follows it in memory. */
struct block {
    u64 pc, cs_base;
    u32 flags;
    u16 size, icount;             /* icount: guest instructions */
    u32 cflags, trace;
    const u8 *code;
    u64 code_size;                /* behind the code: per instruction three SLEB128 deltas */
};

struct timespec { s64 seconds, nanoseconds; };
struct tlb_entry { u64 read, write, code, physical, addend, pad[3]; };
struct tlb { u64 mask; u8 *table; };

/* Mirrored field by field by cpu/native.py; every field takes 8 bytes. */
struct params {
    /* the engine's own functions */
    void (*deliver_exception)(void *cs);
    void (*deliver_external)(void *env, int vector, int is_hardware);
    u8 (*exec_interrupt)(void *cs, int request);
    u8 (*tlb_fill)(void *cs, u64 address, int size, int access, int mmu, int probe, u64 ra);
    void (*tlb_flush)(void *cs);
    void (*stop)(void *uc);
    void (*raise_exception)(void *env, int vector);
    void (*raise_exception_at)(void *env, int vector, u64 ra);
    void (*exit_loop)(void *cs);                  /* back to the main loop, what ran is forgotten */
    void (*restart)(void *cs, u64 ra);            /* the same, EIP at the instruction of `ra` */
    u8 (*fetch)(void *env, u32 linear);
    void (*check_io8)(void *env, u32 port);       /* #GP unless the TSS permits it */
    void (*check_io16)(void *env, u32 port);
    void (*check_io32)(void *env, u32 port);

    /* where the engine keeps the processor */
    void *cs;
    void *env;
    u64 *eip, *eflags, *cs_base, *dr, *cr0;
    u32 *hflags, *hflags2;
    u32 *interrupt_request;
    volatile int *icount_decr;    /* negative: leave the chain of blocks */
    int *exception_index, *exception_is_int, *error_code;
    u32 *cflags_next_tb;          /* low 15 bits: most instructions of the next block */
    struct tlb *tlb;

    /* block counter */
    u64 count;                    /* instructions retired since power-on */
    volatile u64 fence;           /* a block with count >= fence does not begin by itself, but asks */
    struct block *last;           /* the block that is counted but may not have ended yet */
    volatile u64 limit;           /* stop at the first block with count >= limit */
    void (*check_exit)(void *uc, u64 no);  /* leave the chain of blocks when that was asked for */
    void *uc;
    u64 icount_offset;            /* of the word icount_decr points at, from env */
    void (*translated)(struct block *block); /* of the engine the block is for */
    u64 rewritten;                /* statistics: blocks that count for themselves */
    u64 exact;                    /* not 0: most instructions of a block after an exception */
    u64 header;                   /* bytes from a TranslationBlock to its code */
    u64 align;                    /* of a TranslationBlock */

    /* delivery */
    u64 vector;                   /* what INTR delivers */
    u64 int_eip;                  /* EIP before the engine moved it past an INT n */
    u64 delivering;               /* enum delivering */
    u64 ferr;                     /* 1: it stands in front of an x87 instruction, with FERR# active */
    u64 no_flags;                 /* EFLAGS this model does not have */
    u64 delivered_at;             /* count when an exception was delivered last */
    u64 access;                   /* enum access of the TLB's last miss */
    u64 watched;                  /* data breakpoints that were hit and not yet reported, as in DR6 */
    u64 aligned;                  /* 1: the TLB has no entry that would let #AC slip through */

    /* bus unit: callbacks into Python, and what needs none */
    u32 (*read_port)(u64 pending, u32 port, int width);
    void (*write_port)(u64 pending, u32 port, int width, u32 value);
    u64 *latches;                 /* see ports.c */
    int (*rdtsc)(void);           /* the time-stamp counter into EDX:EAX, or 0 */

    /* fast stores */
    u8 *code_pages;               /* by physical page: 0 data, else code; 1 fetched since aging */
    u64 pages;
    u64 new_code_pages;           /* statistics: first fetches from a page */

    /* write guard, see fast_stores.c */
    u16 *guarded;                 /* by page of RAM, how many of its first bytes are guarded; or 0 */
    u64 guarded_pages;
    u64 stray;                    /* 1: a guarded byte was stored to; the first such store was: */
    u64 stray_eip, stray_address, stray_physical, stray_size;
    u64 store_begin, store_end, store_ra; /* the last store to a page with guarded bytes */

    /* ticker */
    u64 tick_file;                /* a timerfd */
    volatile u64 in_slice;        /* 1 while the engine runs a slice */
    volatile u64 tick_end;        /* 1: the thread is to return */

    /* translation meter */
    void *(*translate)(void *cs, u64 pc, u64 cs_base, u32 flags, int cflags);
    int (*clock_gettime)(int clock, struct timespec *time);
    u64 translations, translation_ns;

    /* giving up, see abort.c; the first three are set in the process's own copy only */
    struct params *running;       /* the engine that runs a slice */
    void (*abort)(void);
    void *(*new_temp)(void *translation, int type, u8 local);
    u64 translating;              /* 0, or the most instructions the block may get */
    u64 gave_up;                  /* 1: the engine cannot go on with this guest */

    /* instructions: the engine's own functions, and offsets in env; see instructions.c */
    u64 (*read_eflags)(void *env);
    void (*fclex)(void *env);
    void (*fninit)(void *env);
    void (*fsave)(void *env, u64 address, int data32);
    void (*frstor)(void *env, u64 address, int data32);
    void (*fldenv)(void *env, u64 address, int data32);
    u64 (*read_crn)(void *env, int number);
    void (*write_crn)(void *env, int number, u64 value);
    void (*ltr)(void *env, int selector);
    u64 (*get_dr)(void *env, int number);
    void (*set_dr)(void *env, int number, u64 value);
    void (*invlpg)(void *env, u64 address);
    void (*rdmsr)(void *env);
    void (*wrmsr)(void *env);
    u64 at_ecx, at_cr0, at_fpus, at_hflags2, at_version, at_features, at_uc, at_dr7;

    /* code units, see code_unit.c */
    int (*start)(void *uc, u64 begin, u64 until, u64 timeout, u64 count);
    struct params *process;       /* the process's own copy */
    int *df, *old_exception;
    void (*load_mxcsr)(void *env, u32 value);
    u8 *fpregs, *xmm;             /* 16 bytes of 16, and of 64 */
    u8 *segments, *flat;          /* the segment registers; what they are when a call begins */
    u64 hflags_at_start;
    u64 stubs, stub_count;        /* linear address of the first; how many */
    u64 (**host_calls)(u32, u32, u32, u32, u32, u32, u32, u32);
    u8 *stack;                    /* the host's address of the byte at stack_low */
    u64 stack_low, stack_size;
    u64 in_call;                  /* 1 during a call */
    volatile u64 ended;           /* 1: a host call has ended the call */
    u64 patience;                 /* ns a call may take */
    s64 deadline;                 /* CLOCK_MONOTONIC, ns; 0: none */
    s64 cpu_began;                /* CPU time when it was first seen to be late, or 0 */
    u64 late;                     /* 1: the time is spent */
    u64 error, result;            /* of the last call */
    u64 lost_stack;               /* 1: a host call was made with ESP outside the stack */
};

int modifies_memory(void);        /* see modifies.c */

extern struct params P __attribute__((visibility("hidden")));

#define ENTRY(name) __attribute__((section(".text." #name), used)) name

/* Whether a request is to be taken here: NMI waits for the end of an NMI's program, INTR for IF, both
   for the end of the shadow of STI or MOV SS. */
static inline int interrupts_now(int request)
{
    if (*P.hflags & HF_INHIBIT_IRQ)
        return 0;
    return ((request & CPU_INTERRUPT_NMI) && !(*P.hflags2 & HF2_NMI)) ||
           ((request & CPU_INTERRUPT_HARD) && (*P.eflags & EFLAGS_IF));
}

/* Only where P.clock_gettime is set. */
static inline s64 now(int clock)
{
    struct timespec time;

    P.clock_gettime(clock, &time);
    return time.seconds * 1000000000 + time.nanoseconds;
}
