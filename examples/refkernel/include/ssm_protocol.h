/* Save State Map 1.1: what host, kernels and bootstrap say to each other. Little endian, packed.
 * Generated from switchover/schema.py, records*.py and protocol.py by
 * `python -m hotswap.switchover.c_header FOLDER`: change these, not this file. */
#ifndef SSM_PROTOCOL_H
#define SSM_PROTOCOL_H

#define SSM_RECORDER_PA          0x500   /* flight recorder */
#define SSM_RECORDER_ENTRIES     96      /* of 8 bytes; entry 0 is its head */
#define SSM_BOOT_PA              0x800   /* struct ssm_boot */
#define SSM_BOOTSTRAP_STACK      0x7000  /* grows down */
#define SSM_BOOTSTRAP_PA         0x8000  /* where SWITCH jumps to */
#define SSM_BOOTSTRAP_END        0xc000
#define SSM_KERNEL_LO            0x100000 /* both kernels are linked here */
#define SSM_KERNEL_END           0x200000 /* and end below this */
#define SSM_NOTE_TYPE            1       /* of the ELF note named LKUS */
#define SSM_CAPS_MAGIC           0x5041434b /* 'KCAP' */
#define SC_BASE                  0x180   /* default first port */
#define SC_IRQ                   10
#define SC_ID_VALUE              0x31554b4c /* 'LKU1' */

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
#define SC_ARG_SEL               32      /* rw: which argument ARG reads */
#define SC_ARG                   36      /* r: the argument */
#define SC_LOG                   40      /* w: up to four bytes for the host's log, the low one first, until one is 0 */
#define SC_CRC_PA                44      /* rw: CRC engine, first byte */
#define SC_CRC_LEN               48      /* rw: CRC engine, bytes, at most 16 MiB */
#define SC_CRC                   52      /* r: CRC-32 of these bytes */
#define SC_DMA_DST               56      /* rw: where the card copies the image */
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

/* A section a kernel reads (in its note) or writes (in its capabilities). */
struct SSM_PACKED ssm_sectioncap { /* 8 bytes */
    uint16_t type;               /* 00 section type: one of SSM_... */
    uint16_t ver;                /* 02 version of the section */
    uint16_t since;              /* 04 it is not in maps of a lower minor version */
    uint16_t flags;              /* 06 1 required, 2 indirect */
};
_Static_assert(sizeof(struct ssm_sectioncap) == 8, "ssm_sectioncap");

/* A card a kernel has a driver for. */
struct SSM_PACKED ssm_drivercap { /* 20 bytes */
    char name[16];               /* 00 the card's, NUL padded */
    uint16_t least;              /* 10 state version of the card: the first the driver takes over */
    uint16_t most;               /* 12 the last */
};
_Static_assert(sizeof(struct ssm_drivercap) == 20, "ssm_drivercap");

/* Content of the ELF note a kernel image carries: name "LKUS", type 1, section .note.lkus.
 * 
 * Behind its `size` bytes come `sections` section and `drivers` driver capabilities. */
struct SSM_PACKED ssm_note { /* 68 bytes */
    uint16_t ssm_major;          /* 00 map version it reads and writes */
    uint16_t ssm_minor;          /* 02 */
    uint32_t load_lo;            /* 04 first byte of the kernel, physical */
    uint32_t load_hi;            /* 08 end of its text, data and bss */
    uint32_t entry_switch;       /* 0c entry of a switchover, physical */
    uint32_t ram_min;            /* 10 bytes of RAM it needs */
    uint32_t features;           /* 14 feature bits of maps it knows: 1 in_place */
    uint32_t card_abi;           /* 18 1 */
    char version[32];            /* 1c as uname -r says, NUL padded */
    uint16_t size;               /* 3c bytes of this part; 0 before 1.1, which has nothing behind it */
    uint16_t sections;           /* 3e sections it reads */
    uint16_t drivers;            /* 40 cards it takes over */
    uint16_t rsvd;               /* 42 0 */
};
_Static_assert(sizeof(struct ssm_note) == 68, "ssm_note");

/* What a running kernel answers to QUERY_CAPS, at SSM_PA.
 * 
 * Behind its `size` bytes come `sections` section and `drivers` driver capabilities. */
struct SSM_PACKED ssm_caps { /* 64 bytes */
    uint32_t magic;              /* 00 'KCAP' */
    uint16_t size;               /* 04 bytes of this part */
    uint16_t ssm_major;          /* 06 version of the maps it writes */
    uint16_t ssm_minor;          /* 08 */
    uint16_t sections;           /* 0a sections it writes */
    uint16_t drivers;            /* 0c cards it drives */
    uint16_t rsvd;               /* 0e 0 */
    uint32_t features;           /* 10 feat_required of its maps: 1 in_place */
    uint32_t processes;          /* 14 at present */
    uint32_t frames;             /* 18 frames that are not free */
    uint32_t map_len;            /* 1c bytes a map of the present state takes, about */
    char version[32];            /* 20 as uname -r says, NUL padded */
};
_Static_assert(sizeof(struct ssm_caps) == 64, "ssm_caps");

/* Entry 0 of the flight recorder; entries 1.. are LOG records. */
struct SSM_PACKED ssm_recorderhead { /* 8 bytes */
    uint32_t next;               /* 00 index of the next free entry */
    uint32_t txn;                /* 04 the switchover */
};
_Static_assert(sizeof(struct ssm_recorderhead) == 8, "ssm_recorderhead");

#endif /* __ASSEMBLER__ */

#endif
