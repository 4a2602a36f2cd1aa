/* The system calls, by the file they are in. Each gets the six argument registers and returns what
   EAX shall hold: a result, -errno, or BLOCKED to be run again. */
#ifndef CALLS_H
#define CALLS_H
#include "kernel.h"

enum { NR_read = 3, NR_write = 4, NR_waitpid = 7, NR_fcntl = 55, NR_select = 82, NR_wait4 = 114,
       NR_sigreturn = 119, NR_newselect = 142, NR_flock = 143, NR_readv = 145, NR_writev = 146,
       NR_nanosleep = 162, NR_rt_sigreturn = 173, NR_rt_sigtimedwait = 177, NR_fcntl64 = 221,
       NR_clock_nanosleep = 267, NR_waitid = 284, NR_pselect6 = 308, NR_ppoll = 309 };

typedef int call(struct proc *p, const uint32_t a[6]);

/* syscall.c, signal.c, sigframe.c, sys_signal.c, sched.c */
bool call_moves(uint32_t nr);
bool call_restarts(uint32_t nr);
void wait_clear(struct proc *p);
void sched_yield(void);
struct abi_siginfo siginfo_of(const struct siginfo *info);
struct abi_stack altstack_of(const struct proc *p);
int altstack_set(struct proc *p, const struct abi_stack *user);
static const uint64_t UNBLOCKABLE = 1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1);
call sys_sigreturn, sys_rt_sigreturn, sys_signal, sys_sigaction, sys_rt_sigaction, sys_sigprocmask,
    sys_rt_sigprocmask, sys_sigaltstack;

/* sys_kill.c, sys_sigwait.c */
call sys_kill, sys_tkill, sys_tgkill, sys_rt_sigqueueinfo, sys_sigpending, sys_rt_sigpending,
    sys_sigsuspend, sys_rt_sigsuspend, sys_rt_sigtimedwait, sys_pause;

/* script.c */
int script_expand(struct proc *p, char path[PATH_MAX], char *text, uint32_t room, uint32_t *len,
                  int *argc);

/* process.c, exit.c, exec.c, fds.c, sys_proc.c, sys_info.c, tls.c */
void fds_copy(struct proc *to, struct proc *from);
void fds_close(struct proc *p, bool all);
int tls_set(struct proc *p, uint32_t at, bool may_choose);
call sys_exit, sys_fork, sys_vfork, sys_clone, sys_execve, sys_getpid, sys_getppid, sys_sched_yield,
    sys_uname, sys_sysinfo, sys_umask, sys_prctl, sys_set_thread_area, sys_get_thread_area;

/* sys_session.c, sys_wait.c, sys_usage.c */
struct abi_rusage rusage_of(const struct proc *p, bool with);
call sys_getpgrp, sys_getpgid, sys_setpgid, sys_getsid, sys_setsid, sys_waitpid, sys_wait4,
    sys_waitid, sys_times, sys_getrusage, sys_getpriority, sys_setpriority, sys_nice;

/* sys_cred.c */
call sys_getuid16, sys_geteuid16, sys_getgid16, sys_getegid16, sys_getuid, sys_geteuid, sys_getgid,
    sys_getegid, sys_setuid16, sys_setgid16, sys_setuid, sys_setgid, sys_setreuid16,
    sys_setregid16, sys_setreuid, sys_setregid, sys_setresuid16, sys_setresgid16, sys_setresuid,
    sys_setresgid, sys_getresuid16, sys_getresgid16, sys_getresuid, sys_getresgid, sys_setfsuid16,
    sys_setfsgid16, sys_setfsuid, sys_setfsgid, sys_getgroups, sys_setgroups;

/* sys_mem.c */
call sys_brk, sys_mmap, sys_mmap2, sys_munmap, sys_mprotect, sys_mremap, sys_madvise, sys_msync;

/* sys_file.c, sys_fd.c, pipe.c, sys_poll.c, sys_ppoll.c, lock.c */
int poll_files(struct proc *p, uint32_t at, uint32_t n, bool for_ever, uint64_t ns);
int select_files(struct proc *p, const uint32_t a[6], bool for_ever, uint64_t ns);
uint64_t poll_left(struct proc *p, uint64_t ns);
call sys_read, sys_write, sys_readv, sys_writev, sys_pread64, sys_pwrite64, sys_close, sys_lseek,
    sys_llseek, sys_dup, sys_dup2, sys_dup3, sys_pipe, sys_pipe2, sys_fcntl, sys_ioctl, sys_poll,
    sys_select, sys_newselect, sys_flock, sys_ppoll, sys_pselect6;

/* sys_path.c, sys_stat.c, sys_tmp.c */
int walk_in(struct proc *p, uint32_t dirfd, uint32_t at, uint32_t how, struct found *found);
call sys_open, sys_openat, sys_creat, sys_access, sys_faccessat, sys_readlink, sys_readlinkat,
    sys_getcwd, sys_chdir, sys_fchdir, sys_stat64, sys_lstat64, sys_fstat64, sys_fstatat64,
    sys_getdents64, sys_statfs64, sys_fstatfs64, sys_mkdir, sys_mkdirat, sys_symlink,
    sys_symlinkat, sys_link, sys_unlink, sys_unlinkat, sys_rmdir, sys_rename, sys_renameat,
    sys_truncate, sys_truncate64, sys_ftruncate, sys_ftruncate64, sys_chmod, sys_fchmod,
    sys_fchmodat, sys_utimensat, sys_sync, sys_fsync;

/* sys_time.c, sys_itimer.c, timerfd.c */
void nanosleep_left(struct proc *p, uint32_t nr);
bool timespec_in(uint32_t at, uint64_t *ns);
struct abi_timespec timespec_of(uint64_t ns);
struct abi_timeval timeval_of(uint64_t ns);
int timerfd_read(struct proc *p, struct file *file, uint32_t to, uint32_t len);
call sys_time, sys_stime, sys_gettimeofday, sys_settimeofday, sys_clock_gettime,
    sys_clock_settime, sys_clock_getres, sys_nanosleep,
    sys_clock_nanosleep, sys_setitimer, sys_getitimer, sys_alarm, sys_timerfd_create,
    sys_timerfd_settime, sys_timerfd_gettime;
#endif
