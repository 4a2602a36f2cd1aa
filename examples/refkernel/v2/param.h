/* v2: 250 ticks a second, the process table a list, runs of frames the truth about memory. */
#ifndef PARAM_H
#define PARAM_H
#define VERSION "2.0.0-refkernel"
#define HZ 250
#define IRQ_BASE 0x40      /* 8259A: vector of IRQ 0 */
#define KERNEL_CS 0x60
#define KERNEL_DS 0x68
#define TSS_SELECTOR 0x80
#define TLS_SELECTOR 0x30  /* and the two behind it: Linux i386's */
#define SLICE_TICKS 3      /* ticks a process may run when others wait */
#define NPROC 1024
#define NOFILE 32          /* descriptors of a process */
#define NQUEUED 32         /* signals of a process that wait and tell something */
#define NVMA 32            /* ranges of an address space */
#define PIPE_SIZE 4096
#define TTY_INPUT 4096     /* bytes of unread input of a terminal */
#endif
