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

/* timer.c (v1, v2): deadlines in now() ns; owner is a pid, or a file id for TIMERFD */
bool timer_arm(uint32_t kind, uint32_t owner, uint64_t deadline, uint64_t period);
bool timer_read(uint32_t kind, uint32_t owner, uint64_t *deadline, uint64_t *period);
void timer_disarm(uint32_t kind, uint32_t owner);
void timers_run(uint64_t when);
void timer_expired(uint32_t kind, uint32_t owner, uint32_t times);
uint64_t timer_next(uint64_t deadline, uint64_t period, uint64_t when, uint32_t *times);
uint64_t timer_left_for_user(uint64_t deadline, uint64_t when);

/* proc.c (v1, v2): the process table and who waits for what */
extern struct proc *current;
struct proc *proc_new(uint32_t pid);
void proc_delete(struct proc *p);
struct proc *proc_find(uint32_t pid);
struct proc *proc_first(void);
struct proc *proc_after(struct proc *p);
uint32_t proc_count(void);
uint32_t pid_last(void);          /* the pid given last */
void pid_go_on(uint32_t last);    /* the next is above it */
uint32_t pid_unused(void);
void proc_block(struct proc *p, uint32_t kind, uint64_t obj);
void proc_wake(struct proc *p);
void proc_stop(struct proc *p);
void proc_continue(struct proc *p);
void proc_zombie(struct proc *p);
void wake_all(uint32_t kind, uint64_t obj);
struct proc *sched_pick(bool yield);
struct file *fd_file(struct proc *p, uint32_t fd);
uint32_t fd_end(const struct proc *p);
bool fd_cloexec(struct proc *p, uint32_t fd);
void fd_set(struct proc *p, uint32_t fd, struct file *file, bool cloexec);

/* sigtab.c (v1, v2): the actions of a process, and what signals that wait for it tell */
bool sig_action(struct proc *p, int signo, struct sigact *act);
bool sig_set_action(struct proc *p, int signo, const struct sigact *act);
bool sig_any(struct proc *p);
void sig_forget(struct proc *p);
bool sig_queue(struct proc *p, const struct siginfo *info);
const struct siginfo *sig_queued(struct proc *p, uint32_t n);
void sig_unqueue(struct proc *p, uint32_t n);

/* xmm.c: what of an FPU with SSE is not in proc.fpu, an fxsave image */
enum { FX_MXCSR = 24, FX_MXCSR_MASK = 28, FX_XMM = 160, FX_XMM_END = 288, FX_SIZE = 512 };
struct xmm { uint8_t image[FX_SIZE] __attribute__((aligned(16))); };
extern bool xmm_present;
void xmm_init(void);
void xmm_leave(void);
bool xmm_new(struct proc *p);
bool xmm_copy(struct proc *child, const struct proc *p);
bool xmm_set(struct proc *p, const uint8_t image[FX_SIZE]);
void xmm_delete(struct proc *p);
bool xmm_used(const struct proc *p);
bool fpu_start(struct proc *p);
void fpu_save(struct proc *p);
void fpu_load(const struct proc *p);

/* fpu.c (v1 eager, v2 lazy) */
void fpu_switch(struct proc *p);
bool fpu_trap(struct proc *p);
void fpu_store(void);
void fpu_drop(struct proc *p);

/* aspace.c (v1, v2): address spaces; vma.c: what is common of them */
struct run { uint32_t vaddr, paddr, n; bool cow; }; /* cow: of several, until one writes */
bool aspace_expect(uint32_t runs);
bool aspace_new(struct aspace *as);
void aspace_delete(struct aspace *as);
bool aspace_use(struct aspace *as);
uint32_t aspace_page(struct aspace *as, const struct vma *vma, uint32_t vaddr, bool write);
void aspace_make_cow(struct aspace *as, uint32_t from, uint32_t to);
bool aspace_drop(struct aspace *as, uint32_t from, uint32_t to);
void aspace_protect(struct aspace *as, uint32_t from, uint32_t to);
bool aspace_next_run(struct aspace *as, struct run *run, uint32_t end);
bool aspace_map_run(struct aspace *as, const struct vma *vma, const struct run *run);
struct vma *vma_first(struct aspace *as);
struct vma *vma_after(struct aspace *as, struct vma *vma);
struct vma *vma_new(struct aspace *as, uint32_t start);
void vma_delete(struct aspace *as, struct vma *vma);
struct vma *vma_find(struct aspace *as, uint32_t vaddr);
bool vma_add(struct aspace *as, uint32_t start, uint32_t end, uint32_t prot, uint32_t kind);
int vma_unmap(struct aspace *as, uint32_t start, uint32_t end);
int vma_protect(struct aspace *as, uint32_t start, uint32_t end, uint32_t prot);
int aspace_touch(struct aspace *as, uint32_t vaddr, bool write);
bool aspace_copy(struct aspace *to, struct aspace *from);
bool aspace_move(struct aspace *as, uint32_t from, uint32_t to, uint32_t len);
bool aspace_write(struct aspace *as, uint32_t vaddr, const void *from, uint32_t len);

/* usermem.c: memory of the current process, checked first */
bool user_ok(uint32_t at, uint32_t len, bool write);
int copy_in(void *to, uint32_t from, uint32_t len);
int copy_out(uint32_t to, const void *from, uint32_t len);
int copy_string(char *to, uint32_t from, uint32_t room);

/* exec.c, process.c, tls.c, signal.c, sigframe.c */
int exec(struct proc *p, const char *path, uint32_t argc, uint32_t envc, const char *strings,
         uint32_t strings_len);
void process_spawn_init(const char *cmdline);
void process_exit(struct proc *p, uint32_t status);
void process_bury(void);
struct proc *vfork_waiter(struct proc *p);
bool process_return_memory(struct proc *p);
void check_selectors(struct proc *p);
void signal_send(struct proc *p, const struct siginfo *info);
void signal_post(struct proc *p, int signo);
void signal_fault(struct proc *p, int signo, int32_t code, uint32_t address);
int signal_take(struct proc *p, uint64_t set, struct siginfo *info);
void signal_discard(struct proc *p, int signo);
void signal_forget(struct proc *p);
void signal_deliver(struct proc *p);
bool sigframe_push(struct proc *p, const struct siginfo *info, const struct sigact *act,
                   uint64_t mask);

/* jobs.c: stop, continue, and who is told */
void process_stop(struct proc *p, int signo);
void process_continue(struct proc *p);
void notify_parent(struct proc *parent, struct proc *p, uint32_t signo, int32_t code,
                   uint32_t status);
bool group_is_orphaned(uint32_t pgrp, const struct proc *without);
void group_left_alone(struct proc *parent, struct proc *child, const struct proc *without);
void signal_group(uint32_t pgrp, int signo);

/* sched.c */
void schedule(void) __attribute__((noreturn));
void sched_tick(void);
extern bool need_resched;

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
