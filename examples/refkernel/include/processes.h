/* The part of kernel.h about processes: their timers, memory, FPU, signals, and who runs next. */
#ifndef PROCESSES_H
#define PROCESSES_H

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
typedef void run_told(void *to, const struct vma *vma, const struct run *run);
void aspace_each_run(struct aspace *as, run_told *tell, void *to);
void tell_shared(run_told *tell, void *to, const struct vma *vma, struct run run);
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

/* exec.c, process.c, exit.c, tls.c, signal.c, sigframe.c */
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
#endif
