/* Linux i386: error numbers, flags and structures of the system calls (<asm/...>, <linux/...>). */
#ifndef ABI_H
#define ABI_H
#include <stdint.h>

enum {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, E2BIG = 7, ENOEXEC = 8, EBADF = 9,
    ECHILD = 10, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EFAULT = 14, EBUSY = 16, EEXIST = 17,
    EXDEV = 18, ENODEV = 19,
    ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, ENOTTY = 25,
    EFBIG = 27, ENOSPC = 28, ESPIPE = 29, EROFS = 30, EPIPE = 32, ERANGE = 34, EDEADLK = 35,
    ENAMETOOLONG = 36, ENOLCK = 37, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, EOVERFLOW = 75,
};

enum {
    O_RDONLY = 0, O_WRONLY = 1, O_RDWR = 2, O_ACCMODE = 3, O_CREAT = 0100, O_EXCL = 0200,
    O_NOCTTY = 0400, O_TRUNC = 01000, O_APPEND = 02000, O_NONBLOCK = 04000, O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000, O_NOFOLLOW = 0400000, O_CLOEXEC = 02000000,
};
enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN,
       F_GETLK64 = 12, F_SETLK64, F_SETLKW64, F_DUPFD_CLOEXEC = 1030 };
enum { F_RDLCK, F_WRLCK, F_UNLCK, LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8 };
enum { FD_CLOEXEC = 1, AT_FDCWD = -100, AT_SYMLINK_NOFOLLOW = 0x100, AT_REMOVEDIR = 0x200,
       AT_SYMLINK_FOLLOW = 0x400, AT_EMPTY_PATH = 0x1000 };
enum { S_IFMT = 0170000, S_IFIFO = 0010000, S_IFCHR = 0020000, S_IFDIR = 0040000,
       S_IFREG = 0100000, S_IFLNK = 0120000, S_ISUID = 04000, S_ISGID = 02000, S_IXUSR = 0100, S_IXGRP = 010,
       S_IXOTH = 01 };
enum { PIPE_BUF = 4096, PATH_MAX = 4096, NAME_MAX = 255 };
enum { NULL_DEVICE = 0x103, ZERO = 0x105, FULL = 0x107, TTY0 = 0x400, TTY1 = 0x401, TTYS0 = 0x440,
       DEV_TTY = 0x500, CONSOLE = 0x501 }; /* major << 8 | minor */

enum { MREMAP_MAYMOVE = 1, MREMAP_FIXED = 2, MADV_DONTNEED = 4 };
enum { PROT_READ = 1, PROT_WRITE = 2, PROT_EXEC = 4 };
enum { MAP_SHARED = 1, MAP_PRIVATE = 2, MAP_FIXED = 0x10, MAP_ANONYMOUS = 0x20 };

enum { SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGILL = 4, SIGTRAP = 5, SIGABRT = 6, SIGBUS = 7,
       SIGFPE = 8, SIGKILL = 9, SIGSEGV = 11, SIGPIPE = 13, SIGALRM = 14, SIGTERM = 15,
       SIGCHLD = 17, SIGCONT = 18, SIGSTOP = 19, SIGTSTP = 20, SIGTTIN = 21, SIGTTOU = 22,
       SIGURG = 23, SIGVTALRM = 26, SIGPROF = 27, SIGWINCH = 28, SIGRTMIN = 32, NSIG = 64 };
enum { SIG_DFL = 0, SIG_IGN = 1, SIG_BLOCK = 0, SIG_UNBLOCK = 1, SIG_SETMASK = 2 };
enum { SA_NOCLDSTOP = 1, SA_NOCLDWAIT = 2, SA_SIGINFO = 4, SA_RESTORER = 0x04000000,
       SA_ONSTACK = 0x08000000, SA_RESTART = 0x10000000, SA_NODEFER = 0x40000000 };
#define SA_RESETHAND 0x80000000u

enum { SS_ONSTACK = 1, SS_DISABLE = 2, MINSIGSTKSZ = 2048 };
/* siginfo's code: who has sent it, or what a child or an instruction has done */
enum { SI_USER = 0, SI_KERNEL = 0x80, SI_QUEUE = -1, SI_TKILL = -6, CLD_EXITED = 1, CLD_KILLED = 2,
       CLD_STOPPED = 5, CLD_CONTINUED = 6, SEGV_MAPERR = 1, SEGV_ACCERR = 2, BUS_ADRALN = 1,
       FPE_INTDIV = 1, FPE_FLTDIV = 3, FPE_FLTOVF = 4, FPE_FLTUND = 5, FPE_FLTRES = 6,
       FPE_FLTINV = 7, ILL_ILLOPN = 2, TRAP_BRKPT = 1, TRAP_TRACE = 2 };

enum { WNOHANG = 1, WUNTRACED = 2, WSTOPPED = 2, WEXITED = 4, WCONTINUED = 8,
       WNOWAIT = 0x01000000, WALL = 0x40000000 };
#define WCLONE 0x80000000u
enum { P_ALL = 0, P_PID = 1, P_PGID = 2 };
enum { CSIGNAL = 0xFF, CLONE_VM = 0x100, CLONE_VFORK = 0x4000, CLONE_SETTLS = 0x80000,
       CLONE_PARENT_SETTID = 0x100000, CLONE_CHILD_CLEARTID = 0x200000,
       CLONE_CHILD_SETTID = 0x1000000 };
enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_PROCESS_CPUTIME_ID = 2,
       CLOCK_THREAD_CPUTIME_ID = 3, CLOCK_MONOTONIC_RAW = 4,
       CLOCK_REALTIME_COARSE = 5, CLOCK_MONOTONIC_COARSE = 6, CLOCK_BOOTTIME = 7 };
enum { ITIMER_REAL = 0, ITIMER_VIRTUAL = 1, ITIMER_PROF = 2, TIMER_ABSTIME = 1 };
enum { RUSAGE_SELF = 0, RUSAGE_CHILDREN = -1, PRIO_PROCESS = 0, PRIO_PGRP = 1, PRIO_USER = 2 };
enum { PR_SET_NAME = 15, PR_GET_NAME = 16 };
enum { USER_HZ = 100 }; /* the unit of times(), whatever the kernel's tick is */
enum { POLLIN = 1, POLLOUT = 4, POLLERR = 8, POLLHUP = 16, POLLNVAL = 32,
       POLLRDNORM = 64, POLLWRNORM = 256 };
enum { TMPFS_MAGIC = 0x01021994, PROC_MAGIC = 0x9FA0, RAMFS_MAGIC = 0x858458F6 };
enum { AT_NULL = 0, AT_PHDR = 3, AT_PHENT = 4, AT_PHNUM = 5, AT_PAGESZ = 6, AT_BASE = 7,
       AT_FLAGS = 8, AT_ENTRY = 9, AT_UID = 11, AT_EUID = 12, AT_GID = 13, AT_EGID = 14,
       AT_PLATFORM = 15, AT_HWCAP = 16, AT_CLKTCK = 17, AT_SECURE = 23, AT_RANDOM = 25 };

struct abi_timespec { int32_t sec, nsec; };
struct abi_timeval { int32_t sec, usec; };
struct abi_itimerspec { struct abi_timespec interval, value; };
struct abi_itimerval { struct abi_timeval interval, value; };
struct abi_tms { uint32_t utime, stime, cutime, cstime; };
struct abi_iovec { uint32_t base, len; };
struct abi_pollfd { int32_t fd; int16_t events, revents; };
struct abi_utsname {
    char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
struct abi_sysinfo {
    int32_t uptime; /* seconds */
    uint32_t loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    uint16_t procs, pad;
    uint32_t totalhigh, freehigh, mem_unit;
    char fill[8];
};
struct abi_rusage {
    struct abi_timeval utime, stime;
    uint32_t maxrss, ixrss, idrss, isrss, minflt, majflt, other[8];
};
struct abi_user_desc { uint32_t entry, base, limit, bits; }; /* of set_thread_area */

struct __attribute__((packed)) abi_stat64 {
    uint64_t dev;
    uint32_t pad0, low_ino, mode, nlink, uid, gid;
    uint64_t rdev;
    uint32_t pad3;
    uint64_t size;
    uint32_t blksize;
    uint64_t blocks;
    uint32_t atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    uint64_t ino;
};
_Static_assert(sizeof(struct abi_stat64) == 96, "stat64");

enum { UTIME_NOW = 0x3FFFFFFF, UTIME_OMIT = 0x3FFFFFFE };
struct abi_flock { int16_t type, whence; int32_t start, len, pid; };
struct __attribute__((packed)) abi_flock64 {
    int16_t type, whence;
    int64_t start, len;
    int32_t pid;
};
struct __attribute__((packed)) abi_statfs64 {
    uint32_t type, bsize;
    uint64_t blocks, bfree, bavail, files, ffree;
    uint32_t fsid[2], namelen, frsize, flags, spare[4];
};
_Static_assert(sizeof(struct abi_statfs64) == 84, "statfs64");

struct __attribute__((packed)) abi_dirent64 {
    uint64_t ino, off;
    uint16_t reclen;
    uint8_t type;
    char name[];
};

/* what sigaction and rt_sigaction take */
struct abi_old_sigaction { uint32_t handler, mask, flags, restorer; };
struct __attribute__((packed)) abi_sigaction {
    uint32_t handler, flags, restorer;
    uint64_t mask;
};

/* what a handler finds on its stack */
struct abi_sigcontext {
    uint32_t gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags,
        esp_at_signal, ss, fpstate, oldmask, cr2;
};
_Static_assert(sizeof(struct abi_sigcontext) == 88, "sigcontext");
struct abi_fpstate { uint8_t image[108]; uint16_t status, magic; }; /* magic 0xFFFF: x87 only; */
enum { FPSTATE_X87 = 0xFFFF, FPSTATE_FXSAVE = 0 };      /* 0: an fxsave image follows */
struct abi_sigframe {
    uint32_t pretcode, sig;
    struct abi_sigcontext sc;
    struct abi_fpstate unused;
    uint32_t extramask;
    uint8_t retcode[8];
};
struct abi_siginfo { int32_t signo, error, code, fields[29]; };
struct abi_stack { uint32_t sp, flags, size; };
struct abi_ucontext {
    uint32_t flags, link;
    struct abi_stack stack;
    struct abi_sigcontext sc;
    uint32_t mask[2];
};
struct abi_rt_sigframe {
    uint32_t pretcode, sig, pinfo, puc;
    struct abi_siginfo info;
    struct abi_ucontext uc;
    uint8_t retcode[8];
};
#endif
