/* The conversation with the switchover card: the host commands, the kernel answers. */
#include "lkus.h"

uint16_t lkus_card = SC_BASE;
static uint16_t txn, progress;
static uint32_t map_pa, map_room;
static uint64_t generation;
static bool noticed, on_probation;

static void ack(uint32_t phase, uint32_t code)
{
    lkus_out(SC_ACK, phase << 24 | code << 16 | txn);
}

static uint32_t argument(uint32_t which)
{
    lkus_out(SC_ARG_SEL, which);
    return lkus_in(SC_ARG);
}

static uint32_t command_after(uint32_t last)
{
    uint32_t command;

    while ((command = lkus_in(SC_CMD)) == last)
        ;
    return command;
}

void lkus_must(bool ok, uint32_t reason)
{
    if (ok)
        return;
    ack(SC_ACK_ERROR, reason);
    for (;;)
        __asm__ volatile("cli; hlt");
}

void lkus_panic(void)
{
    lkus_must(false, SC_REASON_PANIC);
    __builtin_unreachable();
}

/* ssm.h leaves it to each kernel how a CRC-32 is made. */
uint32_t ssm_crc32(const void *at, uint32_t len)
{
    lkus_out(SC_CRC_PA, (uint32_t)at);
    lkus_out(SC_CRC_LEN, len);
    return lkus_in(SC_CRC);
}

/* -- the map ----------------------------------------------------------------------------------- */

void lkus_section(struct ssm_writer *out, uint32_t type)
{
    if (out->sect)
        ssm_end_section(out);
    ssm_begin_section(out, type);
}

void lkus_append(struct ssm_writer *out, const void *records, uint32_t len)
{
    void *to = ssm_take(out, len, 0); /* 0 when there is no room; ssm_end() says so */

    if (to) {
        __builtin_memcpy(to, records, len);
        out->sect->count += len / out->sect->rec_size;
    }
}

/* The bytes of a map of now, 0 when it did not fit. */
static uint32_t save(uint32_t pa, uint32_t room)
{
    struct ssm_hdr *hdr = (void *)pa;
    struct ssm_writer out;

    ssm_begin(&out, hdr, room, txn, generation);
    hdr->minor = LKUS_MINOR;
    __builtin_memcpy(hdr->src_build, build_id, sizeof hdr->src_build);
    lkus_time_save(&out);
    lkus_plain_save(&out);
    lkus_kept_save(&out);
    ssm_end_section(&out);
    return ssm_end(&out);
}

static void answer_with(uint32_t pa, uint32_t len)
{
    lkus_out(SC_SSM_PA, pa);
    lkus_out(SC_SSM_LEN, len);
}

static void answer_map(uint32_t pa, uint32_t room, uint32_t phase)
{
    uint32_t len;

    generation++;
    len = save(pa, room);
    answer_with(pa, len);
    ack(len ? phase : SC_ACK_ERROR, len ? 0 : SC_REASON_NO_MEMORY);
}

/* -- the old kernel ---------------------------------------------------------------------------- */

void lkus_irq(void)
{
    lkus_out(SC_IRQ_ACK, 1);
    noticed = true;
}

/* The map's frames are free until SAVE: how long a map is we learn by writing one. */
static void answer_caps(void)
{
    uint32_t len = save(map_pa, map_room);
    const struct ssm_sect *proc = len ? ssm_find((void *)map_pa, SSM_PROC) : 0;

    lkus_caps->processes = proc ? proc->count : 0;
    lkus_caps->map_len = len ? len : map_room;
    answer_with((uint32_t)lkus_caps, lkus_caps_len);
    ack(SC_ACK_CAPS, 0);
}

/* No process runs, CMD is polled. After a rollback, too, the old kernel finds itself here. */
static void park(uint32_t command)
{
    ack(SC_ACK_QUIESCED, 0);
    while ((command = command_after(command)) == SC_CMD_SAVE)
        answer_map(map_pa, map_room, SC_ACK_SAVED);
    if (command == SC_CMD_SWITCH) /* this code is mapped where it is: paging may end */
        __asm__ volatile("movl %%cr0, %%eax; andl $0x7fffffff, %%eax; movl %%eax, %%cr0; jmp *%0"
                         : : "r"(SSM_BOOTSTRAP_PA) : "eax");
    ack(SC_ACK_RESUMED, command == SC_CMD_RESUME_OLD ? 2 : 1);
}

void lkus_point(void)
{
    uint32_t command = noticed ? lkus_in(SC_CMD) : SC_CMD_NONE;

    noticed = false;
    if (command == SC_CMD_QUERY_CAPS) {
        txn = (uint16_t)argument(SC_ARG_TXN);
        answer_caps();
    } else if (command == SC_CMD_PREPARE) {
        txn = (uint16_t)argument(SC_ARG_TXN);
        ack(SC_ACK_PREPARED, 0); /* the map's frames have been set aside at the boot */
    } else if (command == SC_CMD_QUIESCE) {
        park(command);
    } else if (command == SC_CMD_CANCEL) {
        ack(SC_ACK_RESUMED, 1);
    }
}

/* -- the new kernel ---------------------------------------------------------------------------- */

static void take_over(const struct ssm_boot *boot)
{
    const struct ssm_hdr *map = (const void *)boot->ssm_pa;
    uint32_t command = SC_CMD_SWITCH;

    lkus_card = (uint16_t)boot->card_base;
    txn = (uint16_t)boot->txn;
    lkus_must(boot->magic == SSM_MAGIC && boot->major == SSM_MAJOR, SC_REASON_BAD_BOOT);
    lkus_must(boot->mem_top <= lkus_kernel.ram_max, SC_REASON_UNSUPPORTED);
    lkus_must(!ssm_check(map, boot->ssm_len), SC_REASON_BAD_MAP);
    map_pa = map->phys_lo;
    map_room = map->phys_hi - map->phys_lo;
    generation = map->generation;
    lkus_time_restore(map);
    lkus_kept_restore(map);
    lkus_plain_restore(map);
    ack(SC_ACK_RESTORED, 0);
    while ((command = command_after(command)) == SC_CMD_ECHO)
        answer_map(boot->echo_pa, boot->echo_len, SC_ACK_ECHOED);
    lkus_must(command == SC_CMD_COMMIT, SC_REASON_PANIC);
    lkus_time_switched();
    on_probation = true;
    ack(SC_ACK_RESUMED, 0);
}

/* The host watches a new kernel until CMD is NONE: a tick shows that it lives. */
void lkus_tick(void)
{
    on_probation = on_probation && lkus_in(SC_CMD) != SC_CMD_NONE;
    if (on_probation)
        lkus_out(SC_HEARTBEAT, ++progress);
}

bool lkus_boot(uint32_t magic, const struct ssm_boot *boot)
{
    if (magic == SSM_MAGIC) {
        take_over(boot);
        return true;
    }
    lkus_must(lkus_in(SC_ID) == SC_ID_VALUE, SC_REASON_PANIC);
    map_room = lkus_kernel.map_room;
    map_pa = argument(SC_ARG_SCRATCH_LO) - map_room;
    lkus_time_cold();
    return false;
}
