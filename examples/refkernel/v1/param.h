/* v1: a hundred ticks a second, the process table an array, page tables the truth about memory. */
#ifndef PARAM_H
#define PARAM_H
#define VERSION "1.0.0-refkernel"
#define HZ 100
#define IRQ_BASE 0x20      /* 8259A: vector of IRQ 0 */
#define KERNEL_CS 0x08
#define KERNEL_DS 0x10
#define TSS_SELECTOR 0x18
#define TLS_SELECTOR 0x30  /* and the two behind it: Linux i386's */
#define SLICE_TICKS 1      /* ticks a process may run when others wait */
#define NPROC 1024
#define NOFILE 32          /* descriptors of a process */
#define NQUEUED 32         /* signals of a process that wait and tell something */
#define NVMA 32            /* ranges of an address space */
#define PIPE_SIZE 4096
#define TTY_INPUT 4096     /* bytes of unread input of a terminal */
#endif
