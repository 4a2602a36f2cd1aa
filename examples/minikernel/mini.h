/* What kernel.c and switch.c know of each other. */
#ifndef MINI_H
#define MINI_H
#include <stdbool.h>
#include "ssm.h"
#include "x86.h"

enum { HZ = 100, NPROC = 8, NRANGE = 4, COM1 = 0x3F8, COM1_STATUS = COM1 + 5, MAP_ROOM = 512 << 10,
       KERNEL_CS = 0x08, KERNEL_DS = 0x10, TSS = 0x18, USER_CS = 0x73, USER_DS = 0x7B,
       RAM_MAX = 96 << 20, USER_LO = 0x08000000, USER_HI = 0x08400000 }; /* linear addresses */

struct regs { /* as start.S pushes them, the last five the CPU */
    uint32_t gs, fs, es, ds, edi, esi, ebp, unused, ebx, edx, ecx, eax, vector, error;
    uint32_t eip, cs, eflags, esp, ss;
};

/* A process, in two layouts: nothing but the map can carry one build's processes to the other. */
#if LAYOUT == 1
struct range { uint32_t start, end, prot, kind; };
struct proc {
    uint32_t pid, ppid, pgrp, sid, state, exit_code, brk_start, brk; /* pid 0: nobody */
    char name[16];
    struct regs regs;
    uint64_t utime_ns, stime_ns;
    struct range range[NRANGE]; /* in the order of their addresses, those that are not used 0 */
};
#else
struct range { uint16_t kind, prot; uint32_t end, start; };
struct proc {
    struct range range[NRANGE];
    uint64_t stime_ns, utime_ns;
    uint8_t state;
    struct regs regs;
    uint16_t sid, pgrp, ppid, pid;
    char name[16];
    uint32_t brk, brk_start, exit_code;
};
#endif
#define EACH_PROC(p) (struct proc *p = procs; p < procs + NPROC && p->pid; p++)

/* kernel.c */
extern struct proc procs[NPROC];       /* in the order of their pids */
extern uint32_t pages[NPROC][1024];    /* their page tables, of [USER_LO, USER_HI) */
void processor_init(void);
void map_page(struct proc *p, uint32_t at, uint32_t pa);

/* switch.c */
extern struct ssm_time time;
extern uint64_t wall_offset;
uint64_t now(void);
void must(bool ok, uint32_t reason);
void switchover_reserve(void);
void switchover_notice(void);
void switchover_tick(void);
void switchover_point(void);
void take_over(const struct ssm_boot *boot);
void section(struct ssm_writer *out, uint32_t type);
void append(struct ssm_writer *out, const void *records, uint32_t len);

/* kept.c */
void kept_add(uint32_t pid);
bool fd_is_open(uint32_t pid, uint32_t fd);
void save_kept(struct ssm_writer *out);
void restore_kept(const struct ssm_hdr *map);
#endif
