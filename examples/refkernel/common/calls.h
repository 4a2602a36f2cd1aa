/* The system calls, by the file they are in. Each gets the six argument registers and returns what
   EAX shall hold: a result, -errno, or BLOCKED to be run again. */
#ifndef CALLS_H
#define CALLS_H
#include "kernel.h"

enum { NR_read = 3, NR_write = 4, NR_waitpid = 7, NR_sigsuspend = 72, NR_wait4 = 114,
       NR_sigreturn = 119, NR_readv = 145, NR_writev = 146, NR_nanosleep = 162,
       NR_rt_sigreturn = 173, NR_rt_sigsuspend = 179, NR_clock_nanosleep = 267 };

typedef int call(struct proc *p, const uint32_t a[6]);

/* syscall.c, signal.c, sigframe.c, sys_signal.c, sched.c */
bool call_restarts(uint32_t nr);
void wait_clear(struct proc *p);
void sched_yield(void);
uint32_t user_selector(uint32_t selector);
call sys_sigreturn, sys_rt_sigreturn, sys_kill, sys_tgkill, sys_signal, sys_sigaction,
    sys_rt_sigaction, sys_sigprocmask, sys_rt_sigprocmask, sys_rt_sigpending, sys_sigsuspend,
    sys_rt_sigsuspend, sys_pause;

/* sys_proc.c, exec.c, sys_info.c */
call sys_exit, sys_fork, sys_clone, sys_waitpid, sys_wait4, sys_execve, sys_getpid, sys_getppid,
    sys_getpgrp, sys_getpgid, sys_setpgid, sys_getsid, sys_setsid, sys_sched_yield, sys_root,
    sys_uname, sys_sysinfo, sys_umask;

/* sys_mem.c */
call sys_brk, sys_mmap, sys_mmap2, sys_munmap, sys_mprotect;

/* sys_file.c, sys_path.c, sys_poll.c */
call sys_read, sys_write, sys_readv, sys_writev, sys_close, sys_dup, sys_dup2, sys_dup3, sys_pipe,
    sys_pipe2, sys_lseek, sys_llseek, sys_fcntl, sys_ioctl, sys_open, sys_openat, sys_access,
    sys_stat64, sys_lstat64, sys_fstat64, sys_fstatat64, sys_getdents64, sys_getcwd, sys_chdir,
    sys_readlink, sys_poll;

/* sys_time.c, timerfd.c */
void nanosleep_left(struct proc *p, uint32_t nr);
bool timespec_in(uint32_t at, uint64_t *ns);
struct abi_timespec timespec_of(uint64_t ns);
int timerfd_read(struct proc *p, struct file *file, uint32_t to, uint32_t len);
call sys_time, sys_gettimeofday, sys_clock_gettime, sys_clock_getres, sys_times, sys_nanosleep,
    sys_clock_nanosleep, sys_setitimer, sys_getitimer, sys_alarm, sys_timerfd_create,
    sys_timerfd_settime, sys_timerfd_gettime;
#endif
