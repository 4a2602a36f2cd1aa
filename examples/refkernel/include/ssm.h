/* Save State Map 1.0: layout. Little endian, packed.
 * Generated from switchover/schema.py and switchover/protocol.py by
 * `python -m hotswap.switchover.c_header`: change these, not this file. */
#ifndef SSM_H
#define SSM_H

#define SSM_MAGIC                0x4d53534b /* 'KSSM', also EAX at a switchover's entry */
#define SSM_MAJOR                1
#define SSM_MINOR                0
#define SSM_SECTIONS_MAX         64      /* entries of the section table */
#define SSM_RECORDER_PA          0x500   /* flight recorder */
#define SSM_RECORDER_ENTRIES     96      /* of 8 bytes; entry 0 is its head */
#define SSM_BOOT_PA              0x800   /* struct ssm_boot */
#define SSM_BOOTSTRAP_STACK      0x7000  /* grows down */
#define SSM_BOOTSTRAP_PA         0x8000  /* where SWITCH jumps to */
#define SSM_BOOTSTRAP_END        0xc000
#define SSM_KERNEL_LO            0x100000 /* both kernels are linked here */
#define SSM_KERNEL_END           0x200000 /* and end below this */
#define SSM_NOTE_TYPE            1       /* of the ELF note named LKUS */
#define SC_BASE                  0x180   /* default first port */
#define SC_IRQ                   10
#define SC_ID_VALUE              0x31554b4c /* 'LKU1' */

/* Section types of 1.0; 5, 8, 9, 14, 17 to 21 are set aside, 24 and up are extensions. */
#define SSM_TIME                 1       /* the clock */
#define SSM_PROC                 2       /* processes */
#define SSM_VMA                  3       /* their address spaces */
#define SSM_FRAME                4       /* where their pages are */
#define SSM_FILE                 6       /* open files */
#define SSM_FD                   7       /* descriptors */
#define SSM_PIPE                 10      /* pipes and the bytes in them */
#define SSM_TIMER                11      /* armed timers */
#define SSM_DEV                  12      /* the cards' states */
#define SSM_BLOB                 13      /* strings and blobs */
#define SSM_LOG                  15      /* the flight recorder */
#define SSM_SIGACT               16      /* signal actions */

/* Bits of a section entry's `flags`. */
#define SSM_SECTION_REQUIRED     1       /* a reader that does not know the section must refuse the map */
#define SSM_SECTION_INDIRECT     2       /* records refer to frames that stay where they are */

/* Bits of the header's `feat_required` and `feat_optional`. */
#define SSM_FEATURE_IN_PLACE     1       /* user pages stay in their frames, the map holds their addresses only */

/* PROC.state. */
#define SSM_STATE_RUNNABLE       0       /* running or waiting for the CPU */
#define SSM_STATE_BLOCKED        1       /* waits for what wait_kind says */
#define SSM_STATE_ZOMBIE         2       /* has ended, not waited for yet */
#define SSM_STATE_STOPPED        3       /* stopped by a signal */

/* PROC.wait_kind, what a blocked process waits for; in brackets what wait_obj then holds. */
#define SSM_WAIT_NONE            0       /* nothing */
#define SSM_WAIT_SLEEP           1       /* nanosleep: the rest is in TIMER (0) */
#define SSM_WAIT_PIPE_READ       2       /* bytes in a pipe (pipe id) */
#define SSM_WAIT_PIPE_WRITE      3       /* room in a pipe (pipe id); progress = bytes already moved */
#define SSM_WAIT_TTY_READ        4       /* a line from the console (0) */
#define SSM_WAIT_WAIT4           5       /* a child to end (the pid argument, sign extended) */
#define SSM_WAIT_PAUSE           6       /* a signal (0) */
#define SSM_WAIT_TIMER_READ      7       /* a timerfd to expire (file_id) */

/* VMA.prot. */
#define SSM_PROT_READ            1
#define SSM_PROT_WRITE           2
#define SSM_PROT_EXECUTE         4

/* VMA.kind. */
#define SSM_VMA_ANON             0       /* anonymous memory */
#define SSM_VMA_FILE             1       /* a mapped file */
#define SSM_VMA_STACK            2       /* a stack */
#define SSM_VMA_SHARED           3       /* shared with other processes */
#define SSM_VMA_HEAP             4       /* brk_start to brk */

/* FRAME.kind. */
#define SSM_FRAME_PRIVATE        0       /* belongs to this process alone */
#define SSM_FRAME_SHARED         1       /* seen by several processes */
#define SSM_FRAME_COW            2       /* shared until someone writes */
#define SSM_FRAME_RAMDISK        4       /* the initrd's frames: pid 0, vaddr 0 */

/* FILE.kind; in brackets what dev_ino holds. */
#define SSM_FILE_REGULAR         0       /* a file of the initrd, named by its path (inode) */
#define SSM_FILE_TTY             1       /* the console (0); its path is the input nobody has read yet */
#define SSM_FILE_PIPE_READ       2       /* the end to read from (pipe id) */
#define SSM_FILE_PIPE_WRITE      3       /* the end to write to (pipe id) */
#define SSM_FILE_TIMER           4       /* a timerfd (timer id) */
#define SSM_FILE_DIRECTORY       5       /* a directory of the initrd (inode) */

/* TIMER.kind. */
#define SSM_TIMER_SLEEP          0       /* nanosleep of pid; cookie 0 */
#define SSM_TIMER_ITIMER_REAL    1       /* setitimer of pid; cookie 0 */
#define SSM_TIMER_TIMERFD        2       /* pid 0; cookie = file_id */

/* Reasons to refuse a map, by level; ssm_check returns the first one it meets, negative. */
#define SSM_E_SHORT              1       /* fewer bytes than a header */
#define SSM_E_MAGIC              2       /* does not begin with 'KSSM' */
#define SSM_E_MAJOR              3       /* another major version */
#define SSM_E_HDR_LEN            4       /* header length out of range */
#define SSM_E_TOTAL_LEN          5       /* total length out of range */
#define SSM_E_HDR_CRC            6       /* header checksum */
#define SSM_E_FEATURE            7       /* an unknown feature is required */
#define SSM_E_TABLE              8       /* section table: count, entry size or place */
#define SSM_E_TABLE_BOUNDS       9       /* section table outside the map */
#define SSM_E_TABLE_CRC          10      /* section table checksum */
#define SSM_E_SECTION_BOUNDS     11      /* section outside the map, or not 8-aligned */
#define SSM_E_SECTION_PLACE      12      /* section before the end of the section table */
#define SSM_E_SECTION_OVERLAP    13      /* two sections overlap */
#define SSM_E_SECTION_CRC        14      /* section checksum */
#define SSM_E_UNKNOWN_SECTION    15      /* an unknown section is required */
#define SSM_E_TWICE              16      /* a section appears twice */
#define SSM_E_VERSION            17      /* another version of a section */
#define SSM_E_REC_MIN            18      /* a reader must know more of a record than this one does */
#define SSM_E_REC_SIZE           19      /* records shorter than they may be */
#define SSM_E_COUNT              20      /* count and record size do not make the section's length */
#define SSM_E_DATA               21      /* the bytes after a record run out of the section */
#define SSM_E_ONE_TIME           22      /* TIME is not exactly one record */
#define SSM_E_MISSING            23      /* TIME or PROC is missing */
#define SSM_E_PHYS               32      /* the map's own frames */
#define SSM_E_CHOICE             33      /* a kind or state outside its enumeration */
#define SSM_E_ORDER              34      /* records out of order, or two with one key */
#define SSM_E_NO_PROC            35      /* a pid nobody has */
#define SSM_E_NO_FILE            36      /* a file_id nobody has */
#define SSM_E_NO_PIPE            37      /* a pipe id nobody has */
#define SSM_E_NO_BLOB            38      /* bytes outside BLOB */
#define SSM_E_RANGE              39      /* an address range that is empty, unaligned or overlaps */
#define SSM_E_FRAME_PLACE        40      /* a frame outside RAM or inside memory a switchover uses */
#define SSM_E_FRAME_TWICE        41      /* a private frame in two places */
#define SSM_E_REFS               42      /* refs is not the number of descriptors */
#define SSM_E_VALUE              43      /* a value that cannot be */
#define SSM_E_BLOB_CRC           44      /* checksum of a card's state */

/* ssm_boot.func: why the new kernel is entered. */
#define SSM_FUNC_COLD            0       /* no map */
#define SSM_FUNC_SWITCH          1       /* go on from the map */
#define SSM_FUNC_REVERSE         2       /* back to the kernel before */
#define SSM_FUNC_RESURRECT       3       /* the kernel before has crashed */

/* ssm_boot.mode: how the bootstrap gets the image to dest. */
#define SSM_MODE_LZ4             0       /* decodes the LZ4 block itself; CRC-32 of both by its own code */
#define SSM_MODE_COPY            1       /* rep movsd of the decoded image; CRC-32 by the card */
#define SSM_MODE_DMA             2       /* the card copies; CRC-32 by the card */

/* LOG.source. */
#define SSM_SOURCE_OLD_KERNEL    1
#define SSM_SOURCE_BOOTSTRAP     2
#define SSM_SOURCE_NEW_KERNEL    3

/* Registers of the switchover card: offsets from its base, 32-bit cycles only. */
#define SC_ID                    0       /* r: 'LKU1' */
#define SC_CMD                   4       /* r: what the host wants */
#define SC_ACK                   8       /* w: phase << 24 | code << 16 | txn */
#define SC_SSM_PA                12      /* rw: the map */
#define SC_SSM_LEN               16      /* rw: its bytes */
#define SC_HEARTBEAT             20      /* w: progress, 0 to 65535; kicks the watchdog */
#define SC_TIME_LO               24      /* r: monotonic ns, low half; latches the high half */
#define SC_TIME_HI               28      /* r: the latched high half */
#define SC_ARG_SEL               32      /* w: which argument ARG reads */
#define SC_ARG                   36      /* r: the argument */
#define SC_LOG                   40      /* w: a byte for the host's log */
#define SC_CRC_PA                44      /* w: CRC engine, first byte */
#define SC_CRC_LEN               48      /* w: CRC engine, bytes */
#define SC_CRC                   52      /* r: CRC-32 of these bytes */
#define SC_DMA_DST               56      /* w: where the card copies the image */
#define SC_DMA_GO                60      /* w: txn; copies before the OUT ends, and only between ACK BOOT and DECODED */
#define SC_IRQ_ACK               64      /* w: takes the interrupt request back */

/* Values of CMD. */
#define SC_CMD_NONE              0
#define SC_CMD_PREPARE           1       /* allocate the map, stop starting work in the drivers */
#define SC_CMD_SAVE              2       /* write the map */
#define SC_CMD_SWITCH            3       /* paging off, jump to the bootstrap */
#define SC_CMD_COMMIT            4       /* go on running processes */
#define SC_CMD_CANCEL            5       /* undo PREPARE and QUIESCE */
#define SC_CMD_QUERY_CAPS        6       /* say what the kernel can do */
#define SC_CMD_RESUME_OLD        7       /* as CANCEL, after a rollback */
#define SC_CMD_ECHO              8       /* write a map of what has been restored */
#define SC_CMD_QUIESCE           9       /* stop running processes, interrupts off, poll CMD */

/* Phases in ACK. */
#define SC_ACK_PREPARED          1
#define SC_ACK_SAVED             2       /* SSM_PA and SSM_LEN are set */
#define SC_ACK_BOOT              3       /* the bootstrap runs */
#define SC_ACK_DECODED           4       /* the new kernel is in place */
#define SC_ACK_RESTORED          5       /* everything of the map has been taken over */
#define SC_ACK_RESUMED           6       /* code 0 after COMMIT, 1 after CANCEL, 2 after RESUME_OLD */
#define SC_ACK_ECHOED            7       /* SSM_PA and SSM_LEN are those of the echo */
#define SC_ACK_QUIESCED          8
#define SC_ACK_CAPS              9       /* SSM_PA and SSM_LEN are those of the capabilities */
#define SC_ACK_ERROR             255     /* code = reason */

/* Codes of ACK ERROR. */
#define SC_REASON_BAD_BOOT       1       /* ssm_boot makes no sense */
#define SC_REASON_BAD_STAGED     2       /* CRC-32 of the staged image is wrong */
#define SC_REASON_BAD_IMAGE      3       /* the image cannot be decoded */
#define SC_REASON_BAD_DECODED    4       /* CRC-32 of the decoded image is wrong */
#define SC_REASON_BAD_MAP        5       /* the map is refused */
#define SC_REASON_NO_MEMORY      6       /* no frames left */
#define SC_REASON_UNSUPPORTED    7       /* something this kernel cannot save or restore */
#define SC_REASON_PANIC          8       /* the kernel has panicked */

/* What ARG_SEL selects. */
#define SC_ARG_TXN               0       /* the switchover's number, 16 bits */
#define SC_ARG_BUDGET_US         1       /* time allowed for the blackout, us */
#define SC_ARG_STAGE_PA          2       /* the staged image */
#define SC_ARG_SCRATCH_LO        3       /* first byte of SCRATCH */
#define SC_ARG_SCRATCH_HI        4       /* its end */
#define SC_ARG_TARGET_MINOR      5       /* minor version of the map to write */
#define SC_ARG_ECHO_PA           6       /* where the echo goes */
#define SC_ARG_ECHO_LEN          7       /* room there, bytes */

/* Offsets in struct ssm_boot, for assembly */
#define SSM_BOOT_OFF_MAGIC       0       /* 'KSSM' */
#define SSM_BOOT_OFF_MAJOR       4       /* of the map */
#define SSM_BOOT_OFF_MINOR       6       /* of the map */
#define SSM_BOOT_OFF_FUNC        8
#define SSM_BOOT_OFF_SSM_PA      12      /* the map */
#define SSM_BOOT_OFF_SSM_LEN     16      /* bytes */
#define SSM_BOOT_OFF_IMG_PA      20      /* the staged image */
#define SSM_BOOT_OFF_IMG_CLEN    24      /* bytes as staged */
#define SSM_BOOT_OFF_IMG_ULEN    28      /* bytes decoded */
#define SSM_BOOT_OFF_IMG_CCRC    32      /* CRC-32 as staged */
#define SSM_BOOT_OFF_IMG_UCRC    36      /* CRC-32 decoded */
#define SSM_BOOT_OFF_DEST        40      /* where the decoded image goes */
#define SSM_BOOT_OFF_ENTRY       44      /* the new kernel's entry */
#define SSM_BOOT_OFF_CARD_BASE   48      /* the card's first port */
#define SSM_BOOT_OFF_TXN         52      /* the switchover */
#define SSM_BOOT_OFF_MODE        56
#define SSM_BOOT_OFF_SCRATCH_LO  60      /* frames the new kernel may use before COMMIT */
#define SSM_BOOT_OFF_SCRATCH_HI  64      /* their end */
#define SSM_BOOT_OFF_ECHO_PA     68      /* where the new kernel writes the echo map */
#define SSM_BOOT_OFF_ECHO_LEN    72      /* room there, bytes */
#define SSM_BOOT_OFF_MEM_TOP     76      /* bytes of RAM */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* records may stand anywhere in a map, which is bytes to the compiler */
#define SSM_PACKED __attribute__((packed, may_alias))

/* The first 96 bytes of a map, which starts on a page boundary. */
struct SSM_PACKED ssm_hdr { /* 96 bytes */
    uint32_t magic;              /* 00 'KSSM' */
    uint16_t major;              /* 04 another major is refused */
    uint16_t minor;              /* 06 never a reason to refuse */
    uint32_t hdr_len;            /* 08 bytes of header, 96 in 1.0; a multiple of 8 */
    uint32_t total_len;          /* 0c bytes of map in use, header included */
    uint32_t sect_off;           /* 10 offset of the section table; a multiple of 8 */
    uint16_t sect_count;         /* 14 section entries, at most 64 */
    uint16_t sect_size;          /* 16 bytes of a section entry: 32 */
    uint32_t flags;              /* 18 0 */
    uint32_t txn;                /* 1c the switchover this map was written for */
    uint32_t feat_required;      /* 20 features a reader must know: 1 in_place */
    uint32_t feat_optional;      /* 24 features a reader may ignore: 1 in_place */
    uint64_t generation;         /* 28 maps written since the machine was powered on */
    uint8_t src_build[16];       /* 30 first 16 bytes of the writing kernel's build-id */
    uint8_t dst_build[16];       /* 40 the same of the kernel it is meant for, or 0 */
    uint32_t phys_lo;            /* 50 physical address of the frames allocated for the map */
    uint32_t phys_hi;            /* 54 end of these frames */
    uint32_t sect_crc;           /* 58 CRC-32 of the section table */
    uint32_t hdr_crc;            /* 5c CRC-32 of these 96 bytes with this field 0 */
};
_Static_assert(sizeof(struct ssm_hdr) == 96, "ssm_hdr");

/* One entry of the section table. */
struct SSM_PACKED ssm_sect { /* 32 bytes */
    uint16_t type;               /* 00 section type */
    uint16_t flags;              /* 02 1 required, 2 indirect */
    uint16_t ver;                /* 04 1; another number is another meaning and is refused */
    uint16_t rec_min;            /* 06 bytes of a record a reader must know */
    uint32_t off;                /* 08 offset of the section in the map; a multiple of 8 */
    uint32_t len;                /* 0c bytes of the section */
    uint32_t count;              /* 10 records */
    uint16_t rec_size;           /* 14 bytes of a record; of its fixed part when it carries bytes */
    uint16_t rsvd;               /* 16 0 */
    uint32_t crc;                /* 18 CRC-32 of the section */
    uint32_t rsvd2;              /* 1c 0 */
};
_Static_assert(sizeof(struct ssm_sect) == 32, "ssm_sect");

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
struct SSM_PACKED ssm_time { /* 40 bytes */
    uint64_t mono_ns;            /* 00 monotonic time now, ns (the card's TIME) */
    uint64_t real_ns;            /* 08 wall clock, ns since 1970 */
    uint64_t boot_ns;            /* 10 mono_ns at boot: uptime = mono_ns - boot_ns */
    uint32_t cmos_time_bcd;      /* 18 CMOS time as 0x00HHMMSS */
    uint32_t cmos_date_bcd;      /* 1c CMOS date as 0xCCYYMMDD */
    uint32_t tick_hz;            /* 20 the writing kernel's timer ticks, Hz */
    uint32_t switch_count;       /* 24 switchovers since boot, this one not counted */
};
_Static_assert(sizeof(struct ssm_time) == 40, "ssm_time");

/* One process. */
struct SSM_PACKED ssm_proc { /* 272 bytes */
    uint32_t pid;                /* 00 not 0 */
    uint32_t ppid;               /* 04 the parent, 0 for none */
    char name[16];               /* 08 NUL padded */
    uint32_t state;              /* 18 0 runnable, 1 blocked, 2 zombie, 3 stopped */
    uint32_t wait_kind;          /* 1c 0 none, 1 sleep, 2 pipe_read, 3 pipe_write, 4 tty_read, 5 wait4, 6 pause, 7 timer_read */
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
    uint32_t pid;                /* 00 process, 0 for the ramdisk */
    uint32_t vaddr;              /* 04 linear address, page aligned */
    uint32_t paddr;              /* 08 physical address, page aligned */
    uint32_t n_pages;            /* 0c 4 KiB pages */
    uint32_t kind;               /* 10 0 private, 1 shared, 2 cow, 4 ramdisk */
    uint32_t crc;                /* 14 CRC-32 of the frames, 0 when not computed */
};
_Static_assert(sizeof(struct ssm_frame) == 24, "ssm_frame");

/* One open file, shared by all descriptors that dup and fork made of it. */
struct SSM_PACKED ssm_file { /* 40 bytes */
    uint32_t file_id;            /* 00 kept across switchovers; not 0 */
    uint32_t kind;               /* 04 0 regular, 1 tty, 2 pipe_read, 3 pipe_write, 4 timer, 5 directory */
    uint32_t flags;              /* 08 open flags, Linux i386 values */
    uint32_t refs;               /* 0c number of FD records that name it */
    uint64_t dev_ino;            /* 10 as kind says */
    uint64_t offset;             /* 18 position, bytes */
    uint32_t path_off;           /* 20 path, or console input: offset in BLOB */
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
    uint32_t flags;              /* 0c 0 */
};
_Static_assert(sizeof(struct ssm_pipe) == 16, "ssm_pipe");

/* One armed timer. */
struct SSM_PACKED ssm_timer { /* 32 bytes */
    uint32_t pid;                /* 00 process */
    uint32_t kind;               /* 04 0 sleep, 1 itimer_real, 2 timerfd */
    uint64_t left_ns;            /* 08 from mono_ns until it expires, ns */
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
    uint16_t policy;             /* 1a what the card wants done at a switchover */
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

/* At 0x800; EBX points to it at the bootstrap's and the new kernel's entry, EAX = 'KSSM'. */
struct SSM_PACKED ssm_boot { /* 80 bytes */
    uint32_t magic;              /* 00 'KSSM' */
    uint16_t major;              /* 04 of the map */
    uint16_t minor;              /* 06 of the map */
    uint32_t func;               /* 08 0 cold, 1 switch, 2 reverse, 3 resurrect */
    uint32_t ssm_pa;             /* 0c the map */
    uint32_t ssm_len;            /* 10 bytes */
    uint32_t img_pa;             /* 14 the staged image */
    uint32_t img_clen;           /* 18 bytes as staged */
    uint32_t img_ulen;           /* 1c bytes decoded */
    uint32_t img_ccrc;           /* 20 CRC-32 as staged */
    uint32_t img_ucrc;           /* 24 CRC-32 decoded */
    uint32_t dest;               /* 28 where the decoded image goes */
    uint32_t entry;              /* 2c the new kernel's entry */
    uint32_t card_base;          /* 30 the card's first port */
    uint32_t txn;                /* 34 the switchover */
    uint32_t mode;               /* 38 0 lz4, 1 copy, 2 dma */
    uint32_t scratch_lo;         /* 3c frames the new kernel may use before COMMIT */
    uint32_t scratch_hi;         /* 40 their end */
    uint32_t echo_pa;            /* 44 where the new kernel writes the echo map */
    uint32_t echo_len;           /* 48 room there, bytes */
    uint32_t mem_top;            /* 4c bytes of RAM */
};
_Static_assert(sizeof(struct ssm_boot) == 80, "ssm_boot");

/* Content of the ELF note a kernel image carries: name "LKUS", type 1, section .note.lkus. */
struct SSM_PACKED ssm_note { /* 60 bytes */
    uint16_t ssm_major;          /* 00 map version it reads and writes */
    uint16_t ssm_minor;          /* 02 */
    uint32_t load_lo;            /* 04 first byte of the kernel, physical */
    uint32_t load_hi;            /* 08 end of its text, data and bss */
    uint32_t entry_switch;       /* 0c entry of a switchover, physical */
    uint32_t ram_min;            /* 10 bytes of RAM it needs */
    uint32_t features;           /* 14 feature bits of maps it knows */
    uint32_t card_abi;           /* 18 1 */
    char version[32];            /* 1c as uname -r says, NUL padded */
};
_Static_assert(sizeof(struct ssm_note) == 60, "ssm_note");

/* Entry 0 of the flight recorder; entries 1.. are LOG records. */
struct SSM_PACKED ssm_recorderhead { /* 8 bytes */
    uint32_t next;               /* 00 index of the next free entry */
    uint32_t txn;                /* 04 the switchover */
};
_Static_assert(sizeof(struct ssm_recorderhead) == 8, "ssm_recorderhead");

/* What this version knows of the sections, by type; size 0: nothing */
struct ssm_kind { uint16_t size, least, flags; uint8_t has_data; };
#define SSM_TYPE_MAX 16
static const struct ssm_kind ssm_kinds[SSM_TYPE_MAX + 1] = {
    [SSM_TIME] = { 40, 40, 1, 0 },
    [SSM_PROC] = { 272, 272, 1, 0 },
    [SSM_VMA] = { 32, 32, 1, 0 },
    [SSM_FRAME] = { 24, 24, 3, 0 },
    [SSM_FILE] = { 40, 40, 1, 0 },
    [SSM_FD] = { 16, 16, 1, 0 },
    [SSM_PIPE] = { 16, 16, 1, 1 },
    [SSM_TIMER] = { 32, 32, 1, 0 },
    [SSM_DEV] = { 40, 40, 0, 0 },
    [SSM_BLOB] = { 1, 1, 1, 0 },
    [SSM_LOG] = { 8, 8, 0, 0 },
    [SSM_SIGACT] = { 32, 32, 1, 0 },
};

#include "ssm_read.h"
#include "ssm_write.h"
#endif /* __ASSEMBLER__ */
#endif /* SSM_H */
