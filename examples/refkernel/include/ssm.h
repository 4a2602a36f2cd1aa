/* Save State Map 1.1: the container. Little endian, packed.
 * Generated from switchover/schema.py, records*.py and protocol.py by
 * `python -m hotswap.switchover.c_header FOLDER`: change these, not this file. */
#ifndef SSM_H
#define SSM_H

#define SSM_MAGIC                0x4d53534b /* 'KSSM', also EAX at a switchover's entry */
#define SSM_MAJOR                1
#define SSM_MINOR                1
#define SSM_SECTIONS_MAX         64      /* entries of the section table */

/* Section types; 5, 8, 9 and 14 are set aside, 17 to 24 are of 1.1, 25 and up extensions. */
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
#define SSM_TASK                 17      /* what Linux keeps of processes */
#define SSM_RESTART              18      /* blocked system calls */
#define SSM_TTY                  19      /* terminals */
#define SSM_LOCK                 20      /* file locks */
#define SSM_XSTATE               21      /* processor state beyond the x87 */
#define SSM_INODE                22      /* what is in /tmp */
#define SSM_SYSTEM               23      /* command line and console */
#define SSM_SIGINFO              24      /* what pending signals tell */

/* Bits of a section entry's `flags`. */
#define SSM_SECTION_REQUIRED     1       /* a reader that does not know the section must refuse the map */
#define SSM_SECTION_INDIRECT     2       /* records refer to frames that stay where they are */

/* Bits of the header's `feat_required` and `feat_optional`. */
#define SSM_FEATURE_IN_PLACE     1       /* user pages stay in their frames, the map holds their addresses only */

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
#define SSM_E_NO_TTY             45      /* a terminal there is not */
#define SSM_E_SESSION            46      /* sessions and process groups that cannot be */
#define SSM_E_LOCK               47      /* two locks against each other */
#define SSM_E_CARDS              64      /* DEV is not the cards inserted */
#define SSM_E_CLOCK              65      /* the clock is not the switchover card's, or went back */
#define SSM_E_FRAME_CRC          66      /* frames are not what their checksum says */

#ifndef __ASSEMBLER__
#include <stdint.h>

/* records may stand anywhere in a map, which is bytes to the compiler */
#define SSM_PACKED __attribute__((packed, may_alias))

/* The first 96 bytes of a map, which starts on a page boundary. */
struct SSM_PACKED ssm_hdr { /* 96 bytes */
    uint32_t magic;              /* 00 'KSSM' */
    uint16_t major;              /* 04 another major is refused */
    uint16_t minor;              /* 06 never a reason to refuse */
    uint32_t hdr_len;            /* 08 bytes of header, 96 so far; a multiple of 8 */
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

#endif /* __ASSEMBLER__ */

#include "ssm_values.h"
#include "ssm_protocol.h"
#ifndef __ASSEMBLER__
#include "ssm_records.h"
#include "ssm_read.h"
#include "ssm_write.h"
#endif /* __ASSEMBLER__ */

#endif
