/* lkus: what makes an i386 kernel switchable and is the same in every kernel. docs/your-kernel.md
 * tells how to use it, ../minikernel does. Copy these files and ../refkernel/include/ssm*.h.
 *
 *   lkus_start.S  the entry, of a cold boot and of a switchover
 *   lkus_note.h   what the kernel says of itself
 *   lkus.c        the conversation with the switchover card, as the old kernel and as the new one
 *   lkus_plain.c  processes that only run: sections PROC, VMA and FRAME
 *   lkus_time.c   the clock: TIME
 *   lkus_kept.c   what the kernel never changes: FILE, FD, BLOB
 *
 * The last three are for simple kernels: replace each when yours has outgrown it. No libc and no
 * allocation: all that is written is bss, page tables of yours and the map. RAM is mapped where it
 * is, up to ram_max, whenever a function is called; interrupts are off.
 */
#ifndef LKUS_H
#define LKUS_H
#include <stdbool.h>
#include "ssm.h"

#define LKUS_MINOR 0 /* maps are of version 1.0: what came later, others leave out for us */
#include "lkus_note.h"

/* -- yours ------------------------------------------------------------------------------------- */

/* A plain process can run and has one range of memory, with all its pages, which are its own. */
struct lkus_kernel {
    uint32_t hz;       /* timer ticks a second */
    uint32_t ram_max;  /* bytes; with more RAM you are not switched to */
    uint32_t map_room; /* bytes for a map: 400 a process, 24 a page, 256 KiB the host needs */

    /* Process n, from 0 on in the order of pids: fills in of its records what you know. Returns
       the page table entry of the first page of its memory; 0: there are no more processes. */
    uint32_t *(*save)(uint32_t n, struct ssm_proc *proc, struct ssm_vma *vma);

    /* The other way. Returns where the page table entries of its memory go; pages themselves are
       not written to. Privileges are your own affair, whatever the map says: segments, flags. */
    uint32_t *(*restore)(uint32_t n, const struct ssm_proc *proc, const struct ssm_vma *vma);
};
extern const struct lkus_kernel lkus_kernel;

/* Called by lkus_start.S: what EAX and EBX were. Does not return. */
void kmain(uint32_t magic, const struct ssm_boot *boot) __attribute__((noreturn));

/* -- lkus.c ------------------------------------------------------------------------------------ */

/* First, when IDT and paging are set up. True: your processes have been restored, let them run.
   False: a cold boot, make some. The last map_room bytes below SCRATCH are the map's for ever. */
bool lkus_boot(uint32_t magic, const struct ssm_boot *boot);
/* IRQ SC_IRQ: the host wants something. */
void lkus_irq(void);
/* Between two processes, where nothing is half done and nothing under way in the devices: answers
   the host. Another kernel may take over here; when it returns, go on. */
void lkus_point(void);
/* Each timer tick. */
void lkus_tick(void);
/* Unless ok: ERROR, for one of SC_REASON_..., and no return. Until COMMIT the host then goes back
   to the old kernel and nothing is lost. */
void lkus_must(bool ok, uint32_t reason);
/* An exception that you can do nothing about. */
void lkus_panic(void) __attribute__((noreturn));

/* Begins a section of a map, and ends the one before. */
void lkus_section(struct ssm_writer *out, uint32_t type);
/* Records, or bytes of BLOB, of the section that was begun. */
void lkus_append(struct ssm_writer *out, const void *records, uint32_t len);

/* -- lkus_plain.c ------------------------------------------------------------------------------ */

/* n page table entries, for pages of a process from physical address pa on; prot: SSM_PROT_... */
void lkus_map(uint32_t *entry, uint32_t pa, uint32_t n, uint32_t prot);

/* Members between a structure of yours and a record. Yours may have other types and another order;
   if it has other names as well, or fewer members, write the assignments out. */
#define LKUS_COPY(member, to, from) ((to).member = (from).member)
#define LKUS_COPY_REGS(to, from) \
    (LKUS_COPY(eax, to, from), LKUS_COPY(ebx, to, from), LKUS_COPY(ecx, to, from), \
     LKUS_COPY(edx, to, from), LKUS_COPY(esi, to, from), LKUS_COPY(edi, to, from), \
     LKUS_COPY(ebp, to, from), LKUS_COPY(esp, to, from), LKUS_COPY(eip, to, from), \
     LKUS_COPY(eflags, to, from), LKUS_COPY(cs, to, from), LKUS_COPY(ds, to, from), \
     LKUS_COPY(es, to, from), LKUS_COPY(fs, to, from), LKUS_COPY(gs, to, from), \
     LKUS_COPY(ss, to, from))
#define LKUS_COPY_PROC(to, from) \
    (LKUS_COPY(pid, to, from), LKUS_COPY(ppid, to, from), LKUS_COPY(pgrp, to, from), \
     LKUS_COPY(sid, to, from), LKUS_COPY(brk_start, to, from), LKUS_COPY(brk, to, from), \
     LKUS_COPY(utime_ns, to, from), LKUS_COPY(stime_ns, to, from), \
     LKUS_COPY_REGS((to).regs, (from).regs), \
     __builtin_memcpy((to).name, (from).name, sizeof (to).name))
#define LKUS_COPY_VMA(to, from) \
    (LKUS_COPY(start, to, from), LKUS_COPY(end, to, from), LKUS_COPY(prot, to, from), \
     LKUS_COPY(kind, to, from))

/* -- lkus_time.c ------------------------------------------------------------------------------- */

uint64_t lkus_now(void); /* ns; goes on over switchovers */

/* -- lkus_kept.c ------------------------------------------------------------------------------- */

void lkus_open_console(uint32_t pid); /* as the standard output of a new process */
bool lkus_fd_is_open(uint32_t pid, uint32_t fd);

/* -- between the files of the library ---------------------------------------------------------- */

extern uint16_t lkus_card; /* its first port */

static inline uint32_t lkus_in(uint32_t reg)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"((uint16_t)(lkus_card + reg)) : "memory");
    return value;
}

/* "memory": the card reads and writes it before the OUT has ended. */
static inline void lkus_out(uint32_t reg, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"((uint16_t)(lkus_card + reg)) : "memory");
}

void lkus_plain_save(struct ssm_writer *out);
void lkus_plain_restore(const struct ssm_hdr *map);
void lkus_time_cold(void);
void lkus_time_save(struct ssm_writer *out);
void lkus_time_restore(const struct ssm_hdr *map);
void lkus_time_switched(void);
void lkus_kept_save(struct ssm_writer *out);
void lkus_kept_restore(const struct ssm_hdr *map);
#endif
