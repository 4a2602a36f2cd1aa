/* Save State Map 1.1: the records of the sections. Little endian, packed.
 * Generated from switchover/schema.py, records*.py and protocol.py by
 * `python -m hotswap.switchover.c_header FOLDER`: change these, not this file. */
#ifndef SSM_RECORDS_H
#define SSM_RECORDS_H

/* User registers; in a blocked call eip is at the `int 0x80`, which will be run again. */
struct SSM_PACKED ssm_regs { /* 56 bytes */
    uint32_t eax;                /* 00 */
    uint32_t ebx;                /* 04 */
    uint32_t ecx;                /* 08 */
    uint32_t edx;                /* 0c */
    uint32_t esi;                /* 10 */
    uint32_t edi;                /* 14 */
    uint32_t ebp;                /* 18 */
    uint32_t esp;                /* 1c */
    uint32_t eip;                /* 20 */
    uint32_t eflags;             /* 24 */
    uint32_t cr3;                /* 28 means nothing to the reader; 0 is best */
    uint16_t cs;                 /* 2c */
    uint16_t ds;                 /* 2e */
    uint16_t es;                 /* 30 */
    uint16_t fs;                 /* 32 */
    uint16_t gs;                 /* 34 */
    uint16_t ss;                 /* 36 */
};
_Static_assert(sizeof(struct ssm_regs) == 56, "ssm_regs");

/* The clock at the moment of SAVE; exactly one record. */
struct SSM_PACKED ssm_time { /* 64 bytes */
    uint64_t mono_ns;            /* 00 monotonic time now, ns (the card's TIME) */
    uint64_t real_ns;            /* 08 wall clock, ns since 1970 */
    uint64_t boot_ns;            /* 10 mono_ns at boot: uptime = mono_ns - boot_ns */
    uint32_t cmos_time_bcd;      /* 18 CMOS time as 0x00HHMMSS */
    uint32_t cmos_date_bcd;      /* 1c CMOS date as 0xCCYYMMDD */
    uint32_t tick_hz;            /* 20 the writing kernel's timer ticks, Hz */
    uint32_t switch_count;       /* 24 switchovers since boot, this one not counted */
    uint64_t idle_ns;            /* 28 time without a process to run since boot, ns; since 1.1, as the rest */
    uint32_t last_pid;           /* 30 the pid given last, 0 when not known: the next is above it */
    uint32_t load1;              /* 34 load averages as sysinfo gives them, 65536 for 1 */
    uint32_t load5;              /* 38 */
    uint32_t load15;             /* 3c */
};
_Static_assert(sizeof(struct ssm_time) == 64, "ssm_time");

/* One process. */
struct SSM_PACKED ssm_proc { /* 272 bytes */
    uint32_t pid;                /* 00 not 0 */
    uint32_t ppid;               /* 04 the parent, 0 for none */
    char name[16];               /* 08 NUL padded */
    uint32_t state;              /* 18 0 runnable, 1 blocked, 2 zombie, 3 stopped */
    uint32_t wait_kind;          /* 1c one of SSM_WAIT_... */
    uint64_t wait_obj;           /* 20 as wait_kind says */
    struct ssm_regs regs;        /* 28 user registers */
    uint8_t fpu[108];            /* 60 x87 image as fnsave stores it */
    uint32_t used_fpu;           /* cc 1 when fpu holds something */
    uint64_t sig_pending;        /* d0 bit n-1 = signal n */
    uint64_t sig_mask;           /* d8 bit n-1 = signal n */
    uint64_t utime_ns;           /* e0 time in user mode, ns */
    uint64_t stime_ns;           /* e8 time in the kernel, ns */
    uint32_t progress;           /* f0 bytes already moved by a blocked write */
    uint32_t exit_code;          /* f4 of a zombie, as wait4 returns it */
    uint32_t brk_start;          /* f8 linear address */
    uint32_t brk;                /* fc linear address */
    uint32_t pgrp;               /* 100 process group */
    uint32_t sid;                /* 104 session */
    uint32_t restart_nr;         /* 108 the system call's number (orig eax) of a blocked call */
    uint32_t rsvd;               /* 10c 0 */
};
_Static_assert(sizeof(struct ssm_proc) == 272, "ssm_proc");

/* One range of linear addresses of a process; disjoint, sorted by pid and start. */
struct SSM_PACKED ssm_vma { /* 32 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t start;              /* 04 linear address, page aligned */
    uint32_t end;                /* 08 first address after it, page aligned */
    uint32_t prot;               /* 0c 1 read, 2 write, 4 execute */
    uint32_t kind;               /* 10 0 anon, 1 file, 2 stack, 3 shared, 4 heap */
    uint32_t file_id;            /* 14 of a mapped file, 0 for none */
    uint64_t file_off;           /* 18 bytes into the file at start */
};
_Static_assert(sizeof(struct ssm_vma) == 32, "ssm_vma");

/* A run of frames contiguous in linear and in physical addresses; sorted by pid and vaddr. */
struct SSM_PACKED ssm_frame { /* 24 bytes */
    uint32_t pid;                /* 00 process, 0 for the ramdisk and /tmp */
    uint32_t vaddr;              /* 04 linear address, page aligned */
    uint32_t paddr;              /* 08 physical address, page aligned */
    uint32_t n_pages;            /* 0c 4 KiB pages */
    uint32_t kind;               /* 10 0 private, 1 shared, 2 cow, 4 ramdisk, 5 tmp */
    uint32_t crc;                /* 14 CRC-32 of the frames, 0 when not computed */
};
_Static_assert(sizeof(struct ssm_frame) == 24, "ssm_frame");

/* One open file, shared by all descriptors that dup and fork made of it. */
struct SSM_PACKED ssm_file { /* 40 bytes */
    uint32_t file_id;            /* 00 kept across switchovers; not 0 */
    uint32_t kind;               /* 04 one of SSM_FILE_... */
    uint32_t flags;              /* 08 open flags, Linux i386 values */
    uint32_t refs;               /* 0c number of FD records that name it */
    uint64_t dev_ino;            /* 10 as kind says */
    uint64_t offset;             /* 18 position, bytes */
    uint32_t path_off;           /* 20 path, or input of a TTY: offset in BLOB */
    uint32_t path_len;           /* 24 its bytes, no NUL; 0 for none */
};
_Static_assert(sizeof(struct ssm_file) == 40, "ssm_file");

/* One descriptor of a process. */
struct SSM_PACKED ssm_fd { /* 16 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t fd;                 /* 04 descriptor number */
    uint32_t file_id;            /* 08 the open file */
    uint32_t flags;              /* 0c 1 close on exec */
};
_Static_assert(sizeof(struct ssm_fd) == 16, "ssm_fd");

/* One pipe: these 16 bytes, then the `len` bytes it holds, padded with zeros to 8. */
struct SSM_PACKED ssm_pipe { /* 16 bytes */
    uint32_t id;                 /* 00 kept across switchovers; not 0 */
    uint32_t len;                /* 04 bytes in the pipe */
    uint32_t seq;                /* 08 bytes read from it so far, mod 2^32 */
    uint32_t flags;              /* 0c 1 no_reader, 2 no_writer */
};
_Static_assert(sizeof(struct ssm_pipe) == 16, "ssm_pipe");

/* One armed timer. */
struct SSM_PACKED ssm_timer { /* 32 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t kind;               /* 04 0 sleep, 1 itimer_real, 2 timerfd, 3 itimer_virtual, 4 itimer_prof */
    uint64_t left_ns;            /* 08 until it expires, from mono_ns on, or of the process's time; ns */
    uint64_t period_ns;          /* 10 0 for once */
    uint64_t cookie;             /* 18 as kind says */
};
_Static_assert(sizeof(struct ssm_timer) == 32, "ssm_timer");

/* One card's state, written by the host. */
struct SSM_PACKED ssm_dev { /* 40 bytes */
    uint32_t dev_id;             /* 00 slot number */
    uint32_t bus;                /* 04 IRQ << 16 | first port, 0 for none */
    char driver[16];             /* 08 the card's name, NUL padded */
    uint16_t state_ver;          /* 18 version of the card's state */
    uint16_t policy;             /* 1a what the card wants done at a switchover: 0 carry, 1 reinitialise, 2 cold_reset, 3 refuse */
    uint32_t blob_off;           /* 1c state: offset in BLOB */
    uint32_t blob_len;           /* 20 state: bytes */
    uint32_t crc;                /* 24 CRC-32 of the state */
};
_Static_assert(sizeof(struct ssm_dev) == 40, "ssm_dev");

/* One entry of the flight recorder. */
struct SSM_PACKED ssm_log { /* 8 bytes */
    uint8_t phase;               /* 00 phase of the switchover */
    uint8_t source;              /* 01 1 the old kernel, 2 the bootstrap, 3 the new kernel */
    uint16_t code;               /* 02 the writer's own code */
    uint32_t value;              /* 04 anything */
};
_Static_assert(sizeof(struct ssm_log) == 8, "ssm_log");

/* What a process wants done at a signal; signals at their default have no record. */
struct SSM_PACKED ssm_sigact { /* 32 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t signo;              /* 04 1 to 64 */
    uint32_t handler;            /* 08 linear address; 1 ignores the signal */
    uint32_t flags;              /* 0c SA_ flags, Linux i386 values */
    uint32_t restorer;           /* 10 linear address, or 0 */
    uint32_t rsvd;               /* 14 0 */
    uint64_t mask;               /* 18 signals blocked meanwhile; bit n-1 = signal n */
};
_Static_assert(sizeof(struct ssm_sigact) == 32, "ssm_sigact");

/* What Linux keeps of a process besides PROC. None for any, or one for each PROC. */
struct SSM_PACKED ssm_task { /* 192 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t tgid;               /* 04 thread group: what getpid returns */
    uint32_t tty;                /* 08 controlling terminal: TTY.tty, 0 for none */
    uint32_t uid;                /* 0c */
    uint32_t euid;               /* 10 */
    uint32_t suid;               /* 14 */
    uint32_t fsuid;              /* 18 */
    uint32_t gid;                /* 1c */
    uint32_t egid;               /* 20 */
    uint32_t sgid;               /* 24 */
    uint32_t fsgid;              /* 28 */
    uint32_t umask;              /* 2c bits creat leaves out */
    uint32_t cwd_off;            /* 30 current directory: offset in BLOB */
    uint32_t cwd_len;            /* 34 its bytes, no NUL; 0 for / */
    uint32_t root_off;           /* 38 root directory: offset in BLOB */
    uint32_t root_len;           /* 3c its bytes, no NUL; 0 for / */
    uint32_t exe_off;            /* 40 path of the program: offset in BLOB */
    uint32_t exe_len;            /* 44 its bytes, no NUL; 0 when not known */
    uint32_t exit_signal;        /* 48 signal to the parent at the end */
    uint32_t altstack_sp;        /* 4c linear address, as sigaltstack was given it */
    uint32_t altstack_size;      /* 50 bytes, 0 for none */
    uint32_t altstack_flags;     /* 54 SS_ flags, Linux i386 values */
    uint32_t vfork_parent;       /* 58 pid that waits in vfork for this one, 0 for none */
    uint32_t stop_signal;        /* 5c signal that stopped it, as wait4 reports it; 0 for none */
    uint32_t wait_flags;         /* 60 1 stop, 2 continue */
    uint32_t nice;               /* 64 -20 to 19, 32-bit two's complement */
    uint64_t cutime_ns;          /* 68 user time of children waited for, ns */
    uint64_t cstime_ns;          /* 70 kernel time of children waited for, ns */
    uint64_t start_ns;           /* 78 monotonic time of its birth, ns */
    uint64_t tls0;               /* 80 GDT entry 6 as set_thread_area made it, 0 for none */
    uint64_t tls1;               /* 88 GDT entry 7 */
    uint64_t tls2;               /* 90 GDT entry 8 */
    uint32_t dr0;                /* 98 debug registers */
    uint32_t dr1;                /* 9c */
    uint32_t dr2;                /* a0 */
    uint32_t dr3;                /* a4 */
    uint32_t dr6;                /* a8 */
    uint32_t dr7;                /* ac */
    uint32_t minflt;             /* b0 page faults without input */
    uint32_t majflt;             /* b4 page faults with input */
    uint32_t did_exec;           /* b8 1 when it has called execve: no setpgid by the parent */
    uint32_t rsvd;               /* bc 0 */
};
_Static_assert(sizeof(struct ssm_task) == 192, "ssm_task");

/* What a blocked system call needs besides the registers to be gone on with. */
struct SSM_PACKED ssm_restart { /* 64 bytes */
    uint32_t pid;                /* 00 a process that is blocked, or stopped in a call */
    uint32_t nr;                 /* 04 the call's number, as PROC.restart_nr */
    uint32_t arg0;               /* 08 arguments as the call was made with: ebx */
    uint32_t arg1;               /* 0c ecx */
    uint32_t arg2;               /* 10 edx */
    uint32_t arg3;               /* 14 esi */
    uint32_t arg4;               /* 18 edi */
    uint32_t arg5;               /* 1c ebp */
    uint64_t left_ns;            /* 20 from mono_ns until its time limit, ns */
    uint64_t moved;              /* 28 bytes already moved */
    uint64_t saved_mask;         /* 30 PROC.sig_mask when the call ends; bit n-1 = signal n */
    uint32_t flags;              /* 38 1 left, 2 mask */
    uint32_t rsvd;               /* 3c 0 */
};
_Static_assert(sizeof(struct ssm_restart) == 64, "ssm_restart");

/* One terminal. The settings are those of struct termios, Linux i386 values.
 * 
 * Input as programs will read it, in lines: 0xff 0xff is a byte 0xff, 0xff 0x00 end of file (^D),
 * 0xff 0x01 ends a line whose last byte is no newline, 0xff 0x02 is a newline that ends no line. */
struct SSM_PACKED ssm_tty { /* 160 bytes */
    uint32_t tty;                /* 00 1 ttyS0, 2 tty1, others from 3 on */
    uint32_t iflag;              /* 04 */
    uint32_t oflag;              /* 08 */
    uint32_t cflag;              /* 0c */
    uint32_t lflag;              /* 10 */
    uint32_t line;               /* 14 line discipline, 0 for N_TTY */
    uint8_t cc[32];              /* 18 control characters, c_cc[0] first */
    uint32_t rows;               /* 38 window size, 0 when not known */
    uint32_t cols;               /* 3c */
    uint32_t sid;                /* 40 session it controls, 0 for none */
    uint32_t pgrp;               /* 44 foreground process group, 0 for none */
    uint32_t flags;              /* 48 1 stopped, 2 hung_up, 4 literal_next */
    uint32_t column;             /* 4c of the output, for tabs and ONOCR */
    uint32_t in_off;             /* 50 input ready to be read: offset in BLOB */
    uint32_t in_len;             /* 54 its bytes, escaped as above */
    uint32_t edit_off;           /* 58 line being typed: offset in BLOB */
    uint32_t edit_len;           /* 5c its bytes, as typed */
    uint32_t out_off;            /* 60 output accepted, but not sent: offset in BLOB */
    uint32_t out_len;            /* 64 its bytes, after output processing */
    uint32_t cursor_x;           /* 68 of a screen console, from 0; 0 for a serial line */
    uint32_t cursor_y;           /* 6c */
    uint32_t attr;               /* 70 attribute byte of what is written next */
    uint32_t line_column;        /* 74 where the line being typed began, for erasing tabs */
    uint32_t screen;             /* 78 of a screen console: 1 wrap, 2 hidden, 4 no_wrap, 8 reverse, 16 bold */
    uint32_t saved_x;            /* 7c what ESC 7 has saved: cursor_x */
    uint32_t saved_y;            /* 80 cursor_y */
    uint32_t saved_attr;         /* 84 attr */
    uint32_t saved_screen;       /* 88 screen: 1 wrap, 2 hidden, 4 no_wrap, 8 reverse, 16 bold */
    uint32_t top;                /* 8c first row that scrolls, from 0 */
    uint32_t bottom;             /* 90 last row that scrolls */
    uint32_t escape_off;         /* 94 escape sequence it is in the middle of: offset in BLOB */
    uint32_t escape_len;         /* 98 its bytes, ESC first */
    uint32_t keys;               /* 9c of its keyboard: 1 left_shift, 2 right_shift, 4 left_ctrl, 8 right_ctrl, 16 left_alt, 32 right_alt, 64 caps, 128 extended */
};
_Static_assert(sizeof(struct ssm_tty) == 160, "ssm_tty");

/* One lock that is held; who waits for one says so in PROC. */
struct SSM_PACKED ssm_lock { /* 32 bytes */
    uint32_t file_id;            /* 00 an open file of the file locked */
    uint32_t pid;                /* 04 holder, 0 for the open file */
    uint32_t kind;               /* 08 1 flock, 2 posix */
    uint32_t type;               /* 0c 1 read, 2 write */
    uint64_t start;              /* 10 first byte */
    uint64_t end;                /* 18 first byte after it, 2^64 - 1 for all there will be */
};
_Static_assert(sizeof(struct ssm_lock) == 32, "ssm_lock");

/* Processor state that fnsave does not store. */
struct SSM_PACKED ssm_xstate { /* 520 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t kind;               /* 04 1 fxsave */
    uint8_t data[512];           /* 08 as kind says */
};
_Static_assert(sizeof(struct ssm_xstate) == 520, "ssm_xstate");

/* One file, directory or symbolic link of /tmp. Its pages are frames of FRAME (kind TMP). */
struct SSM_PACKED ssm_inode { /* 72 bytes */
    uint32_t ino;                /* 00 kept across switchovers; not 0 */
    uint32_t parent;             /* 04 ino of its directory, 0 for /tmp; itself when it has been removed */
    uint32_t mode;               /* 08 type and permissions, Linux values */
    uint32_t uid;                /* 0c */
    uint32_t gid;                /* 10 */
    uint32_t vaddr;              /* 14 FRAME.vaddr of its first byte; holes are not in FRAME */
    uint64_t size;               /* 18 bytes */
    uint64_t atime_ns;           /* 20 ns since 1970 */
    uint64_t mtime_ns;           /* 28 ns since 1970 */
    uint64_t ctime_ns;           /* 30 ns since 1970 */
    uint32_t name_off;           /* 38 name: offset in BLOB */
    uint32_t name_len;           /* 3c its bytes */
    uint32_t link_off;           /* 40 what a symbolic link says: offset in BLOB */
    uint32_t link_len;           /* 44 its bytes */
};
_Static_assert(sizeof(struct ssm_inode) == 72, "ssm_inode");

/* What the boot loader told the first kernel; at most one record. */
struct SSM_PACKED ssm_system { /* 16 bytes */
    uint32_t console;            /* 00 TTY.tty of /dev/console, where the kernel prints */
    uint32_t rsvd;               /* 04 0 */
    uint32_t cmdline_off;        /* 08 command line: offset in BLOB */
    uint32_t cmdline_len;        /* 0c its bytes, no NUL */
};
_Static_assert(sizeof(struct ssm_system) == 16, "ssm_system");

/* What a pending signal tells its handler; one that tells nothing is in PROC alone. */
struct SSM_PACKED ssm_siginfo { /* 32 bytes */
    uint32_t pid;                /* 00 process it is pending for */
    uint32_t seq;                /* 04 its place in the order they came, from 0 */
    uint32_t signo;              /* 08 1 to 64; its bit is set in PROC.sig_pending */
    uint32_t code;               /* 0c si_code, 32-bit two's complement */
    uint32_t from_pid;           /* 10 si_pid */
    uint32_t from_uid;           /* 14 si_uid */
    uint32_t value;              /* 18 si_value, or si_status of a child */
    uint32_t rsvd;               /* 1c 0 */
};
_Static_assert(sizeof(struct ssm_siginfo) == 32, "ssm_siginfo");

/* What this version knows of the sections, by type; size 0: nothing */
struct ssm_kind { uint16_t size, least, flags; uint8_t has_data, since; };
#define SSM_TYPE_MAX 24
static const struct ssm_kind ssm_kinds[SSM_TYPE_MAX + 1] = {
    [SSM_TIME] = { 64, 40, 1, 0, 0 },
    [SSM_PROC] = { 272, 272, 1, 0, 0 },
    [SSM_VMA] = { 32, 32, 1, 0, 0 },
    [SSM_FRAME] = { 24, 24, 3, 0, 0 },
    [SSM_FILE] = { 40, 40, 1, 0, 0 },
    [SSM_FD] = { 16, 16, 1, 0, 0 },
    [SSM_PIPE] = { 16, 16, 1, 1, 0 },
    [SSM_TIMER] = { 32, 32, 1, 0, 0 },
    [SSM_DEV] = { 40, 40, 0, 0, 0 },
    [SSM_BLOB] = { 1, 1, 1, 0, 0 },
    [SSM_LOG] = { 8, 8, 0, 0, 0 },
    [SSM_SIGACT] = { 32, 32, 1, 0, 0 },
    [SSM_TASK] = { 192, 192, 0, 0, 1 },
    [SSM_RESTART] = { 64, 64, 0, 0, 1 },
    [SSM_TTY] = { 160, 160, 0, 0, 1 },
    [SSM_LOCK] = { 32, 32, 0, 0, 1 },
    [SSM_XSTATE] = { 520, 520, 0, 0, 1 },
    [SSM_INODE] = { 72, 72, 0, 0, 1 },
    [SSM_SYSTEM] = { 16, 16, 0, 0, 1 },
    [SSM_SIGINFO] = { 32, 32, 0, 0, 1 },
};

/* The same as struct ssm_sectioncap, for a kernel's note and capabilities */
#define SSM_SECTION_COUNT 20
#define SSM_SECTION_CAPS \
    { SSM_TIME, 1, 0, 1 }, \
    { SSM_PROC, 1, 0, 1 }, \
    { SSM_VMA, 1, 0, 1 }, \
    { SSM_FRAME, 1, 0, 3 }, \
    { SSM_FILE, 1, 0, 1 }, \
    { SSM_FD, 1, 0, 1 }, \
    { SSM_PIPE, 1, 0, 1 }, \
    { SSM_TIMER, 1, 0, 1 }, \
    { SSM_DEV, 1, 0, 0 }, \
    { SSM_BLOB, 1, 0, 1 }, \
    { SSM_LOG, 1, 0, 0 }, \
    { SSM_SIGACT, 1, 0, 1 }, \
    { SSM_TASK, 1, 1, 0 }, \
    { SSM_RESTART, 1, 1, 0 }, \
    { SSM_TTY, 1, 1, 0 }, \
    { SSM_LOCK, 1, 1, 0 }, \
    { SSM_XSTATE, 1, 1, 0 }, \
    { SSM_INODE, 1, 1, 0 }, \
    { SSM_SYSTEM, 1, 1, 0 }, \
    { SSM_SIGINFO, 1, 1, 0 }

#endif
