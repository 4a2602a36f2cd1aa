/* What each file offers the others, by file; struct.h gathers v1's or v2's structures. */
#ifndef KERNEL_H
#define KERNEL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "abi.h"
#include "param.h"
/* The minor version of maps this kernel writes and reads; a build of it may know less than ssm.h. */
#ifndef KERNEL_MINOR
#define KERNEL_MINOR SSM_MINOR
#endif
#define SSM_READ_MINOR KERNEL_MINOR
#include "ssm.h"
#include "ssm_downgrade.h"
#include "struct.h"
#include "x86.h"

#define USER_CS 0x73 /* Linux i386's, so that a program sees the same in both kernels */
#define USER_DS 0x7B
#define USER_LO 0x00400000u
#define USER_HI 0xC0000000u
#define STACK_LO 0x07000000u /* the stack lies below the program, as the i386 ABI has it, */
#define STACK_HI 0x08048000u /* so that a small process needs one page table */
#define MMAP_LO 0x40000000u

/* All RAM is mapped at DIRECT_MAP, supervisor only; the first 4 MiB, with the kernel, also at 0. */
#define DIRECT_MAP 0xC0000000u
#define RAM_MAX 0x30000000u /* 768 MiB: what is above is left alone */
#define P2V(pa) ((void *)((pa) + DIRECT_MAP))
#define V2P(at) ((uint32_t)(at) >= DIRECT_MAP ? (uint32_t)(at) - DIRECT_MAP : (uint32_t)(at))
#define PAGES(bytes) (((bytes) + PAGE_MASK) / PAGE)
#define PAGE_UP(at) (((at) + PAGE_MASK) & ~PAGE_MASK)
#define PAGE_DOWN(at) ((at) & ~PAGE_MASK)
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

#define NS_PER_S 1000000000ull
#define NS_PER_TICK (NS_PER_S / HZ)
#define NEVER (~0ull)

/* A system call that has to wait returns this after proc_block(): it is run again on waking. */
#define BLOCKED (-512)

/* string.c, print.c, symbol.c, backtrace.c, recorder.c */
void *memset(void *to, int byte, size_t len);
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
int memcmp(const void *a, const void *b, size_t len);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t len);
void copy_name(char *to, size_t room, const char *from);
extern bool quiet;
struct text { char *at; uint32_t len, room; };
void format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void panic(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
void machine_exit(uint8_t status) __attribute__((noreturn));
bool is_code(uint32_t address);
void print_code(uint32_t address, const char *mark);
void backtrace(void); /* v1, v2 */
void record(uint8_t phase, uint16_t code, uint32_t value);
void recorder_start(uint32_t txn, uint8_t source);
uint32_t recorder_read(const struct ssm_log **entries);

/* memory.c: which RAM is whose; paging for the kernel itself */
struct memory {
    uint32_t lo, hi;                 /* RAM for the frame allocator */
    uint32_t top;                    /* end of all RAM the kernel reaches */
    uint32_t scratch_lo, scratch_hi; /* all that may be used before COMMIT; none at a cold boot */
    uint32_t initrd, initrd_len;
};
extern struct memory memory;
extern uint32_t kernel_pgdir;
extern char kernel_cmdline[1024]; /* main.c */
void memory_cold(uint32_t multiboot_info);
void memory_switch(const struct ssm_boot *boot);
void paging_init(void);
void paging_reach(uint32_t lo, uint32_t hi);
uint32_t early_frame(void);
uint32_t scratch_frame(void);

/* frame.c (v1, v2): physical frames. All return physical addresses, 0 when there is none. */
void frame_init(void);
void frame_open(void);
uint32_t frame_for_kernel(void);
uint32_t frame_for_user(void);
uint32_t frame_run(uint32_t n);
void frame_claim(uint32_t pa, uint32_t n);
void frame_claim_shared(uint32_t pa, uint32_t n);
void frame_share(uint32_t pa);
bool frame_is_shared(uint32_t pa);
void frame_free(uint32_t pa);
uint32_t frames_free(void);
extern uint32_t frames_total;

/* pool.c: objects of one size out of frames */
void *pool_take(struct pool *pool);
void *pool_take_raw(struct pool *pool);
void pool_give(struct pool *pool, void *object);

/* segment.c, entry.S, trap.c, pic.c */
void segment_init(void);
void segment_stack(uint32_t esp0);
void segment_tls(const uint64_t tls[3]);
uint64_t segment_descriptor(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags);
void trap_init(void);
void resume_user(struct trapframe *frame) __attribute__((noreturn));
void pic_init(void);
void pic_unmask(int irq);
bool pic_is_spurious(int irq);
void pic_eoi(int irq);

/* the other chips; `switching` from PREPARE on: no driver then starts what would outlast it */
void pit_init(void);
void pit_switching(bool on);
void uart_init(bool cold);
void uart_putc(char c);
void uart_irq(void);
void uart_drain(void);
void uart_switching(bool on);
uint32_t cmos_read_time(void);
void cmos_bcd(uint32_t seconds, uint32_t *time_bcd, uint32_t *date_bcd);
void cmos_write_time(uint32_t seconds);
void cmos_keep_time(uint32_t seconds);
void cmos_switching(bool on);

/* sc.c: the switchover card */
void sc_init(uint32_t base);
bool sc_present(void);
uint64_t sc_time(void);
uint32_t sc_command(void);
uint32_t sc_argument(uint32_t which);
void sc_ack(uint8_t phase, uint8_t code, uint16_t txn);
void sc_map(uint32_t pa, uint32_t len);
void sc_work(uint32_t total);
void sc_worked(uint32_t items);
void sc_log(char c);
void sc_irq(void);

/* clock.c */
extern struct clock clock;
void clock_cold(void);
void clock_restore(const struct ssm_time *time);
void clock_tick(bool in_user_mode);
uint64_t now(void);
uint64_t uptime(void);
uint64_t real_time(void);

void cputimers_tick(struct proc *p, bool in_user_mode);

#include "processes.h"

/* switchover.c, note.c, save.c, restore.c */
void caps_answer(void);
extern bool before_commit; /* this kernel has been switched to, and not told to go on yet */
extern uint16_t switchover_txn;
void switchover_reserve(void);
void switchover_notice(void);
void switchover_point(void);
void switchover_tick(void);
void switchover_boot(const struct ssm_boot *boot) __attribute__((noreturn));
uint32_t save_size(void);
uint32_t save(uint32_t pa, uint32_t room, uint16_t txn, uint32_t minor,
              struct ssm_unsaid *unsaid);
void restore(const struct ssm_boot *boot);
void restore_fail(uint8_t reason, uint32_t value) __attribute__((noreturn));

/* syscall.c */
void syscall(struct proc *p);
#include "files.h"
#endif
