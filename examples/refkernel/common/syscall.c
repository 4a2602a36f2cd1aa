/* System calls: Linux i386's numbers. A call that has to wait leaves the registers as they were at
   its int 0x80, which is thus executed again when the process is woken: nothing of the call is on
   a kernel stack, and whoever holds the registers and struct wait can go on with it. */
#include "calls.h"

static call *const calls[] = {
    [1] = sys_exit, [2] = sys_fork, [3] = sys_read, [4] = sys_write, [5] = sys_open,
    [6] = sys_close, [7] = sys_waitpid, [8] = sys_creat, [9] = sys_link, [10] = sys_unlink,
    [11] = sys_execve, [12] = sys_chdir, [13] = sys_time, [14] = sys_link, [15] = sys_chmod,
    [19] = sys_lseek, [20] = sys_getpid, [23] = sys_setuid16, [24] = sys_getuid16, [25] = sys_stime,
    [27] = sys_alarm, [29] = sys_pause, [33] = sys_access, [34] = sys_nice, [36] = sys_sync,
    [37] = sys_kill, [38] = sys_rename, [39] = sys_mkdir, [40] = sys_rmdir, [41] = sys_dup,
    [42] = sys_pipe, [43] = sys_times, [45] = sys_brk, [46] = sys_setgid16, [47] = sys_getgid16,
    [48] = sys_signal, [49] = sys_geteuid16, [50] = sys_getegid16, [54] = sys_ioctl,
    [55] = sys_fcntl, [57] = sys_setpgid, [60] = sys_umask, [63] = sys_dup2, [64] = sys_getppid,
    [65] = sys_getpgrp, [66] = sys_setsid, [67] = sys_sigaction, [70] = sys_setreuid16,
    [71] = sys_setregid16, [72] = sys_sigsuspend, [73] = sys_sigpending, [77] = sys_getrusage,
    [78] = sys_gettimeofday, [79] = sys_settimeofday, [80] = sys_getgroups, [81] = sys_setgroups,
    [82] = sys_select, [83] = sys_symlink, [85] = sys_readlink, [90] = sys_mmap, [91] = sys_munmap,
    [92] = sys_truncate, [93] = sys_ftruncate, [94] = sys_fchmod, [96] = sys_getpriority,
    [97] = sys_setpriority, [104] = sys_setitimer, [105] = sys_getitimer, [114] = sys_wait4,
    [116] = sys_sysinfo, [118] = sys_fsync, [119] = sys_sigreturn, [120] = sys_clone,
    [122] = sys_uname, [125] = sys_mprotect, [126] = sys_sigprocmask, [132] = sys_getpgid,
    [133] = sys_fchdir, [138] = sys_setfsuid16, [139] = sys_setfsgid16, [140] = sys_llseek,
    [142] = sys_newselect, [143] = sys_flock, [144] = sys_msync, [145] = sys_readv,
    [146] = sys_writev, [147] = sys_getsid, [148] = sys_fsync, [158] = sys_sched_yield,
    [162] = sys_nanosleep, [163] = sys_mremap, [164] = sys_setresuid16, [165] = sys_getresuid16,
    [168] = sys_poll, [170] = sys_setresgid16, [171] = sys_getresgid16, [172] = sys_prctl,
    [173] = sys_rt_sigreturn, [174] = sys_rt_sigaction, [175] = sys_rt_sigprocmask,
    [176] = sys_rt_sigpending, [177] = sys_rt_sigtimedwait, [178] = sys_rt_sigqueueinfo,
    [179] = sys_rt_sigsuspend, [180] = sys_pread64, [181] = sys_pwrite64, [183] = sys_getcwd,
    [186] = sys_sigaltstack, [190] = sys_vfork, [192] = sys_mmap2, [193] = sys_truncate64,
    [194] = sys_ftruncate64, [195] = sys_stat64, [196] = sys_lstat64, [197] = sys_fstat64,
    [199] = sys_getuid, [200] = sys_getgid, [201] = sys_geteuid, [202] = sys_getegid,
    [203] = sys_setreuid, [204] = sys_setregid, [205] = sys_getgroups, [206] = sys_setgroups,
    [208] = sys_setresuid, [209] = sys_getresuid, [210] = sys_setresgid, [211] = sys_getresgid,
    [213] = sys_setuid, [214] = sys_setgid, [215] = sys_setfsuid, [216] = sys_setfsgid,
    [219] = sys_madvise, [220] = sys_getdents64, [221] = sys_fcntl, [224] = sys_getpid,
    [238] = sys_tkill, [243] = sys_set_thread_area, [244] = sys_get_thread_area, [252] = sys_exit,
    [258] = sys_getpid, [264] = sys_clock_settime, [265] = sys_clock_gettime,
    [266] = sys_clock_getres, [267] = sys_clock_nanosleep, [268] = sys_statfs64,
    [269] = sys_fstatfs64, [270] = sys_tgkill, [284] = sys_waitid, [295] = sys_openat,
    [296] = sys_mkdirat, [297] = sys_link, [300] = sys_fstatat64, [301] = sys_unlinkat,
    [302] = sys_renameat, [303] = sys_link, [304] = sys_symlinkat, [305] = sys_readlinkat,
    [306] = sys_fchmodat, [307] = sys_faccessat, [308] = sys_pselect6, [309] = sys_ppoll,
    [320] = sys_utimensat, [322] = sys_timerfd_create,
    [325] = sys_timerfd_settime, [326] = sys_timerfd_gettime, [330] = sys_dup3, [331] = sys_pipe2,
};

void syscall(struct proc *p)
{
    struct trapframe *f = &p->frame;
    const uint32_t a[6] = { f->ebx, f->ecx, f->edx, f->esi, f->edi, f->ebp };
    uint32_t nr = f->eax;
    int result = -ENOSYS;

    if (nr < sizeof calls / sizeof *calls && calls[nr])
        result = calls[nr](p, a);
    if (p->state == P_ZOMBIE || nr == NR_sigreturn || nr == NR_rt_sigreturn)
        return; /* the registers are as they shall be */
    if (result == BLOCKED) {
        p->wait.restart_nr = (uint16_t)nr;
        f->eip -= 2; /* at the int 0x80 again */
        return;
    }
    wait_clear(p);
    f->eax = (uint32_t)result;
}

/* Calls whose wait.progress are bytes, and which end with those when a signal comes. */
bool call_moves(uint32_t nr)
{
    return nr == NR_read || nr == NR_write || nr == NR_readv || nr == NR_writev;
}

/* Calls that SA_RESTART runs again after a handler. */
bool call_restarts(uint32_t nr)
{
    return call_moves(nr) || nr == NR_waitpid || nr == NR_wait4 || nr == NR_waitid
           || nr == NR_fcntl || nr == NR_fcntl64 || nr == NR_flock;
}
