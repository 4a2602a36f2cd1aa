/* What makes the kernel switchable: the LKUS note, the map, and the conversation with the host. */
#include "mini.h"

enum {
    MINOR = 0,   /* maps are of version 1.0: what came later, others leave out for us */
    IDLE = 0x40, /* COM1_STATUS: all that was written is out */
};

extern char image_start[], image_end[], _start[];
extern const uint8_t build_id[];

/* The sections we read and write, and the cards we drive with the versions of their states. */
enum { DRIVERS = 4 };
#define ABLE { { SSM_SECTION_CAPS }, \
               { { "pic", 1, 1 }, { "pit", 1, 1 }, { "cmos", 1, 1 }, { "uart", 1, 1 } } }
struct able {
    struct ssm_sectioncap sections[SSM_SECTION_COUNT];
    struct ssm_drivercap drivers[DRIVERS];
};

/* What the host has to know of this image before it may be switched to. */
static const struct {
    uint32_t name_len, len, type; char name[8]; struct ssm_note desc; struct able able;
} note __attribute__((section(".note.lkus"), used, aligned(4))) = {
    5, sizeof(struct ssm_note) + sizeof(struct able), SSM_NOTE_TYPE, "LKUS",
    { .ssm_major = SSM_MAJOR, .ssm_minor = MINOR, .load_lo = (uint32_t)image_start,
      .load_hi = (uint32_t)image_end, .entry_switch = (uint32_t)_start, .ram_min = 16 << 20,
      .features = SSM_FEATURE_IN_PLACE, .card_abi = 1, .version = "minikernel",
      .size = sizeof(struct ssm_note), .sections = SSM_SECTION_COUNT, .drivers = DRIVERS }, ABLE };

/* What the running kernel answers to QUERY_CAPS. */
static struct { struct ssm_caps head; struct able able; } caps = {
    { .magic = SSM_CAPS_MAGIC, .size = sizeof(struct ssm_caps), .ssm_major = SSM_MAJOR,
      .ssm_minor = MINOR, .sections = SSM_SECTION_COUNT, .drivers = DRIVERS,
      .features = SSM_FEATURE_IN_PLACE, .map_len = 4096, .version = "minikernel" }, ABLE };

static uint16_t card = SC_BASE, txn, progress;
struct ssm_time time; /* of it only boot_ns and the counts are always right */
uint64_t wall_offset; /* wall clock - now() */
static uint32_t map_pa, map_room;
static uint64_t generation;
static bool noticed, on_probation;

#define SUPPORTED (1 << SSM_TIME | 1 << SSM_PROC | 1 << SSM_VMA | 1 << SSM_FRAME | 1 << SSM_FD \
                   | 1 << SSM_FILE | 1 << SSM_BLOB | 1 << SSM_DEV | 1 << SSM_LOG)

/* -- the switchover card ----------------------------------------------------------------------- */

static void ack(uint32_t phase, uint32_t code)
{
    outl(card + SC_ACK, phase << 24 | code << 16 | txn);
}

static uint32_t argument(uint32_t which)
{
    outl(card + SC_ARG_SEL, which);
    return inl(card + SC_ARG);
}

uint64_t now(void)
{
    uint32_t low = inl(card + SC_TIME_LO); /* latches the high half */
    return (uint64_t)inl(card + SC_TIME_HI) << 32 | low;
}

/* ssm.h leaves it to each kernel how a CRC-32 is made. */
uint32_t ssm_crc32(const void *at, uint32_t len)
{
    outl(card + SC_CRC_PA, (uint32_t)at);
    outl(card + SC_CRC_LEN, len);
    return inl(card + SC_CRC);
}

/* What cannot be is an ERROR: until COMMIT the host then goes back to the old kernel. */
void must(bool ok, uint32_t reason)
{
    if (ok)
        return;
    ack(SC_ACK_ERROR, reason);
    halt_forever();
}

/* -- into the map, and out of it --------------------------------------------------------------- */

#define FIELDS(X) X(pid) X(ppid) X(pgrp) X(sid) X(state) X(exit_code) X(brk_start) X(brk) \
                  X(utime_ns) X(stime_ns)
#define REGISTERS(X) X(eax) X(ebx) X(ecx) X(edx) X(esi) X(edi) X(ebp) X(esp) X(eip) X(eflags) \
                     X(cs) X(ds) X(es) X(fs) X(gs) X(ss)
#define COPY(to, from) (to) = (__typeof__(to))(from);

void section(struct ssm_writer *out, uint32_t type)
{
    if (out->sect)
        ssm_end_section(out);
    ssm_begin_section(out, type);
}

void append(struct ssm_writer *out, const void *records, uint32_t len)
{
    void *to = ssm_take(out, len, 0); /* 0 when there is no room; ssm_end() says so */

    if (to) {
        memcpy(to, records, len);
        out->sect->count += len / out->sect->rec_size;
    }
}

static uint32_t save(uint32_t pa, uint32_t room)
{
    struct ssm_writer out;

    time.mono_ns = now(), time.real_ns = time.mono_ns + wall_offset, time.tick_hz = HZ;
    ssm_begin(&out, (void *)pa, room, txn, ++generation);
    ((struct ssm_hdr *)pa)->minor = MINOR;
    memcpy(((struct ssm_hdr *)pa)->src_build, build_id, 16);
    section(&out, SSM_TIME);
    append(&out, &time, sizeof time);
    section(&out, SSM_PROC);
    for EACH_PROC(p) {
        struct ssm_proc to = { .used_fpu = 0 };
#define SAVE(field) COPY(to.field, p->field)
#define SAVE_REG(reg) COPY(to.regs.reg, p->regs.reg)
        FIELDS(SAVE) REGISTERS(SAVE_REG)
        memcpy(to.name, p->name, sizeof to.name);
        append(&out, &to, sizeof to);
    }
    section(&out, SSM_VMA);
    for EACH_PROC(p)
        for (struct range *range = p->range; range < p->range + NRANGE && range->end; range++) {
            struct ssm_vma to = { .pid = p->pid, .start = range->start, .end = range->end,
                                  .prot = range->prot, .kind = range->kind };
            append(&out, &to, sizeof to);
        }
    section(&out, SSM_FRAME);
    for EACH_PROC(p)
        for (uint32_t i = 0; i < 1024; i++) {
            struct ssm_frame to = { .pid = p->pid, .vaddr = USER_LO + i * PAGE, .n_pages = 1,
                                    .paddr = pages[p - procs][i] & ~PAGE_MASK };
            append(&out, &to, to.paddr ? sizeof to : 0);
        }
    save_kept(&out);
    ssm_end_section(&out);
    return ssm_end(&out);
}

/* What this kernel could not go on with it refuses: better the old kernel than a broken program. */
static void check(const struct ssm_hdr *map, uint32_t len)
{
    must(!ssm_check(map, len), SC_REASON_BAD_MAP);
    for (uint32_t i = 0; i < map->sect_count; i++) {
        const struct ssm_sect *it = &ssm_sections(map)[i];
        must(!it->count || (it->type < 32 && SUPPORTED >> it->type & 1), SC_REASON_UNSUPPORTED);
    }
}

/* Writes nothing but our own bss: the pages of the processes are where they are. */
static void restore(const struct ssm_hdr *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_TIME);
    struct ssm_proc from;
    struct ssm_vma vma;
    struct ssm_frame run;
    struct proc *p = procs;
    uint32_t n = 0, missing = 0;

    ssm_next(&at, &time, sizeof time);
    wall_offset = time.real_ns - time.mono_ns;
    map_pa = map->phys_lo, map_room = map->phys_hi - map->phys_lo, generation = map->generation;
    restore_kept(map);
    for (at = ssm_open(map, SSM_PROC); ssm_next(&at, &from, sizeof from); p++) {
        must(p < procs + NPROC, SC_REASON_NO_MEMORY);
        must(from.state != SSM_STATE_BLOCKED && from.state != SSM_STATE_STOPPED && !from.used_fpu
             && !from.sig_pending && !from.sig_mask, SC_REASON_UNSUPPORTED);
#define RESTORE(field) COPY(p->field, from.field)
#define RESTORE_REG(reg) COPY(p->regs.reg, from.regs.reg)
        FIELDS(RESTORE) REGISTERS(RESTORE_REG)
        memcpy(p->name, from.name, sizeof p->name);
        p->regs.cs = USER_CS, p->regs.ss = USER_DS; /* ring 3, whatever the map says */
        p->regs.eflags = (p->regs.eflags & EFLAGS_USER) | EFLAGS_IF | 2;
    }
    /* VMA and FRAME come in the order of pids, as PROC does */
    for (at = ssm_open(map, SSM_VMA), p = procs; ssm_next(&at, &vma, sizeof vma);) {
        for (; p->pid != vma.pid; n = 0)
            must(++p < procs + NPROC, SC_REASON_BAD_MAP);
        must(n < NRANGE, SC_REASON_NO_MEMORY);
        p->range[n++] = (struct range){ .start = vma.start, .end = vma.end,
                                        .prot = (uint16_t)vma.prot, .kind = (uint16_t)vma.kind };
        missing += (vma.end - vma.start) / PAGE;
    }
    for (at = ssm_open(map, SSM_FRAME), p = procs; ssm_next(&at, &run, sizeof run);) {
        must(run.kind == SSM_FRAME_PRIVATE, SC_REASON_UNSUPPORTED);
        while (p->pid != run.pid)
            must(++p < procs + NPROC, SC_REASON_BAD_MAP);
        for (uint32_t i = 0; i < run.n_pages; i++, missing--)
            map_page(p, run.vaddr + i * PAGE, run.paddr + i * PAGE);
    }
    must(!missing, SC_REASON_UNSUPPORTED); /* there is nothing here to make a page when touched */
}

/* -- the host commands, the kernel answers ----------------------------------------------------- */

static uint32_t command_after(uint32_t last)
{
    uint32_t command;

    while ((command = inl(card + SC_CMD)) == last)
        ;
    return command;
}

static void save_map(uint32_t pa, uint32_t room, uint32_t answer)
{
    uint32_t len = save(pa, room);

    outl(card + SC_SSM_PA, pa);
    outl(card + SC_SSM_LEN, len);
    ack(len ? answer : SC_ACK_ERROR, len ? 0 : SC_REASON_NO_MEMORY);
}

/* No process runs, CMD is polled. After a rollback, too, the old kernel finds itself here. */
static void park(uint32_t command)
{
    while (!(inb(COM1_STATUS) & IDLE))
        ;
    ack(SC_ACK_QUIESCED, 0);
    while ((command = command_after(command)) == SC_CMD_SAVE)
        save_map(map_pa, map_room, SC_ACK_SAVED);
    if (command == SC_CMD_SWITCH) {
        write_cr0(read_cr0() & ~CR0_PG); /* this code is mapped where it is */
        __asm__ volatile("jmp *%0" : : "r"(SSM_BOOTSTRAP_PA));
    }
    ack(SC_ACK_RESUMED, command == SC_CMD_RESUME_OLD ? 2 : 1);
}

/* Called between two processes. */
void switchover_point(void)
{
    uint32_t command = noticed ? inl(card + SC_CMD) : SC_CMD_NONE;

    noticed = false;
    if (command == SC_CMD_QUERY_CAPS) {
        caps.head.processes = 0;
        for EACH_PROC(p)
            caps.head.processes++;
        outl(card + SC_SSM_PA, (uint32_t)&caps);
        outl(card + SC_SSM_LEN, sizeof caps);
        txn = (uint16_t)argument(SC_ARG_TXN);
        ack(SC_ACK_CAPS, 0);
    } else if (command == SC_CMD_PREPARE) {
        txn = (uint16_t)argument(SC_ARG_TXN);
        ack(SC_ACK_PREPARED, 0); /* the map's frames have been set aside at the boot */
    } else if (command == SC_CMD_QUIESCE) {
        park(command);
    } else if (command == SC_CMD_CANCEL) {
        ack(SC_ACK_RESUMED, 1);
    }
}

/* IRQ 10: CMD has changed. */
void switchover_notice(void)
{
    outl(card + SC_IRQ_ACK, 1);
    noticed = true;
}

/* The host watches a new kernel until CMD is NONE: a tick shows that it lives. */
void switchover_tick(void)
{
    on_probation = on_probation && inl(card + SC_CMD) != SC_CMD_NONE;
    if (on_probation)
        outl(card + SC_HEARTBEAT, ++progress);
}

/* A cold boot: the last frames below SCRATCH are the map's for ever. */
void switchover_reserve(void)
{
    must(inl(card + SC_ID) == SC_ID_VALUE, SC_REASON_PANIC);
    map_room = MAP_ROOM;
    map_pa = argument(SC_ARG_SCRATCH_LO) - map_room;
}

/* The entry of a switchover. Returns when our processes shall run. */
void take_over(const struct ssm_boot *boot)
{
    const struct ssm_hdr *map = (const void *)boot->ssm_pa;
    uint32_t command = SC_CMD_SWITCH;

    card = (uint16_t)boot->card_base, txn = (uint16_t)boot->txn;
    must(boot->magic == SSM_MAGIC && boot->major == SSM_MAJOR, SC_REASON_BAD_BOOT);
    must(boot->mem_top <= RAM_MAX, SC_REASON_UNSUPPORTED);
    processor_init();
    check(map, boot->ssm_len);
    restore(map);
    ack(SC_ACK_RESTORED, 0);
    while ((command = command_after(command)) == SC_CMD_ECHO)
        save_map(boot->echo_pa, boot->echo_len, SC_ACK_ECHOED);
    must(command == SC_CMD_COMMIT, SC_REASON_PANIC);
    time.switch_count++;
    on_probation = true;
    ack(SC_ACK_RESUMED, 0);
}
