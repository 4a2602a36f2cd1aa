/* Linux i386 system calls: numbers and structures of arch/x86/entry/syscalls/syscall_32.tbl and
   <asm/...>. Each call returns what the kernel returns: a negative result is -errno. */
#ifndef LINUX_H
#define LINUX_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EBADF = 9, ECHILD = 10, EAGAIN = 11, ENOMEM = 12,
    EACCES = 13, EFAULT = 14, EINVAL = 22, EPIPE = 32, ENOSYS = 38
};
enum { O_RDONLY = 0, O_WRONLY = 1, O_NONBLOCK = 04000 };
enum { SEEK_SET, SEEK_CUR, SEEK_END };
enum {
    SIGHUP = 1, SIGTRAP = 5, SIGFPE = 8, SIGKILL = 9, SIGUSR1 = 10, SIGSEGV = 11, SIGUSR2 = 12,
    SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15, SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19,
    SIGTSTP = 20, SIGVTALRM = 26, SIGPROF = 27, SIGRT = 34
};
enum { SIG_DFL = 0, SIG_IGN = 1, SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };
enum {
    SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_RESTORER = 0x04000000, SA_ONSTACK = 0x08000000,
    SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000
};
enum { SI_USER = 0, SI_QUEUE = -1, CLD_EXITED = 1, FPE_FLTDIV = 3, TRAP_TRACE = 2 };
enum { WNOHANG = 1, WUNTRACED = 2, WEXITED = 4, WCONTINUED = 8, WNOWAIT = 0x01000000 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4, MAP_SHARED = 1,
       MAP_PRIVATE = 2, MAP_ANONYMOUS = 0x20, MREMAP_MAYMOVE = 1, MADV_DONTNEED = 4 };
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, ITIMER_REAL = 0,
       ITIMER_VIRTUAL = 1, ITIMER_PROF = 2 };
enum { HZ_USER = 100 }; /* the unit of times(), whatever the kernel's own tick is */

struct timespec { s32 sec, nsec; };
struct timeval { s32 sec, usec; };
struct itimerval { struct timeval interval, value; };
struct itimerspec { struct timespec interval, value; };
struct sigaction { void (*handler)(int); u32 flags; void (*restorer)(void); u32 mask[2]; };
/* what a handler with SA_SIGINFO gets; fields: pid, uid and value, or an address */
struct siginfo { s32 signo, error, code, fields[29]; };
struct stack { void *sp; u32 flags, size; };
struct rusage { struct timeval utime, stime; u32 maxrss, ixrss, idrss, isrss, minflt, other[9]; };
struct user_desc { u32 entry, base, limit, bits; };
struct tms { u32 utime, stime, cutime, cstime; };
struct sysinfo {
    s32 uptime; /* seconds */
    u32 loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    u16 procs, pad;
    u32 totalhigh, freehigh, mem_unit;
    char fill[8];
};
struct utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};

int syscall(int number, ...);
int vfork(void) __attribute__((returns_twice));
void sigrestore(void);
void rt_sigrestore(void);

static inline void exit(int status) { for (;;) syscall(1, status); }
static inline int fork(void) { return syscall(2); }
static inline int read(int fd, void *to, u32 size) { return syscall(3, fd, to, size); }
static inline int write(int fd, const void *from, u32 size) { return syscall(4, fd, from, size); }
static inline int open(const char *path, int flags) { return syscall(5, path, flags, 0); }
static inline int close(int fd) { return syscall(6, fd); }
static inline int execve(const char *path, char *const *argv, char *const *envp)
{
    return syscall(11, path, argv, envp);
}
static inline int time(s32 *to) { return syscall(13, to); }
static inline int lseek(int fd, s32 offset, int whence) { return syscall(19, fd, offset, whence); }
static inline int getpid(void) { return syscall(20); }
static inline int pause(void) { return syscall(29); }
static inline int kill(int pid, int signal) { return syscall(37, pid, signal); }
static inline int dup(int fd) { return syscall(41, fd); }
static inline int pipe(int fd[2]) { return syscall(42, fd); }
static inline int times(struct tms *to) { return syscall(43, to); }
static inline u32 brk(u32 end) { return (u32)syscall(45, end); }
static inline int dup2(int fd, int as) { return syscall(63, fd, as); }
static inline int getppid(void) { return syscall(64); }
static inline int gettimeofday(struct timeval *to) { return syscall(78, to, 0); }
static inline int munmap(void *at, u32 size) { return syscall(91, at, size); }
static inline int setitimer(int which, const struct itimerval *to, struct itimerval *old)
{
    return syscall(104, which, to, old);
}
static inline int getitimer(int which, struct itimerval *to) { return syscall(105, which, to); }
static inline int wait4(int pid, int *status, int options)
{
    return syscall(114, pid, status, options, 0);
}
static inline int wait4_usage(int pid, int *status, int options, struct rusage *usage)
{
    return syscall(114, pid, status, options, usage);
}
static inline int waitid(int type, int id, struct siginfo *info, int options)
{
    return syscall(284, type, id, info, options, 0);
}
static inline int getrusage(int who, struct rusage *to) { return syscall(77, who, to); }
static inline int setpgid(int pid, int pgrp) { return syscall(57, pid, pgrp); }
static inline int getpgid(int pid) { return syscall(132, pid); }
static inline int setsid(void) { return syscall(66); }
static inline int getsid(int pid) { return syscall(147, pid); }
static inline int umask(int mask) { return syscall(60, mask); }
static inline int setresuid(u32 real, u32 effective, u32 saved)
{
    return syscall(208, real, effective, saved);
}
static inline int getresuid(u32 to[3]) { return syscall(209, to, to + 1, to + 2); }
static inline int mprotect(void *at, u32 size, int prot) { return syscall(125, at, size, prot); }
static inline void *mremap(void *at, u32 old, u32 size, int flags)
{
    return (void *)syscall(163, at, old, size, flags);
}
static inline int madvise(void *at, u32 size, int advice) { return syscall(219, at, size, advice); }
static inline int sigsuspend(const u32 mask[2]) { return syscall(179, mask, 8); }
static inline int sigpending(u32 to[2]) { return syscall(176, to, 8); }
static inline int sigtimedwait(const u32 set[2], struct siginfo *info, const struct timespec *limit)
{
    return syscall(177, set, info, limit, 8);
}
static inline int sigqueueinfo(int pid, int signal, const struct siginfo *info)
{
    return syscall(178, pid, signal, info);
}
static inline int sigaltstack(const struct stack *to, struct stack *old)
{
    return syscall(186, to, old);
}
static inline int set_thread_area(struct user_desc *desc) { return syscall(243, desc); }
static inline int get_thread_area(struct user_desc *desc) { return syscall(244, desc); }
static inline int sysinfo(struct sysinfo *to) { return syscall(116, to); }
static inline int uname(struct utsname *to) { return syscall(122, to); }
static inline int sched_yield(void) { return syscall(158); }
static inline int nanosleep(const struct timespec *want, struct timespec *left)
{
    return syscall(162, want, left);
}
static inline int sigaction(int signal, const struct sigaction *to)
{
    return syscall(174, signal, to, 0, 8);
}
static inline int sigprocmask(int how, const u32 set[2], u32 old[2])
{
    return syscall(175, how, set, old, 8);
}
static inline int clock_gettime(int clock, struct timespec *to) { return syscall(265, clock, to); }
static inline int timerfd_create(int clock, int flags) { return syscall(322, clock, flags); }
static inline int timerfd_settime(int fd, const struct itimerspec *to)
{
    return syscall(325, fd, 0, to, 0);
}
static inline int timerfd_gettime(int fd, struct itimerspec *to) { return syscall(326, fd, to); }

/* Private anonymous pages at an address of the kernel's choice (mmap2). */
static inline void *map_pages(u32 size, int protection)
{
    return (void *)syscall(192, 0, size, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* The same, shared with children. */
static inline void *share_pages(u32 size)
{
    return (void *)syscall(192, 0, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}
#endif
