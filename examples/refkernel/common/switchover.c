/* A switchover, seen from both kernels. The host's coordinator puts a command into the card's CMD,
   the kernel answers in ACK:

       the old kernel   QUERY_CAPS -> CAPS    in PLAN; nothing changes
                        PREPARE -> PREPARED   processes go on running
                        QUIESCE -> QUIESCED   from here on interrupts are off and CMD is polled
                        SAVE    -> SAVED      the map is written
                        SWITCH                paging off, to the bootstrap
                        CANCEL, RESUME_OLD -> RESUMED at any time before; after a rollback the old
                                              kernel finds itself polling behind SAVED
       the new kernel   (its entry) -> RESTORED
                        ECHO    -> ECHOED     the map is written once more, from what it has now
                        COMMIT  -> RESUMED    processes run

   The map's frames are never given back: the next map, by whichever kernel, goes there too. */
#include "fault.h"
#include "kernel.h"

enum {
    SLACK = 256 << 10,   /* for what the host adds, and for what happens between PREPARE and SAVE */
    RESERVED = 512 << 10 /* set aside at boot, lest a full machine cannot be switched */
};

bool before_commit;
uint16_t switchover_txn;
static struct { uint32_t pa, len; } map_area;
static uint32_t target_minor; /* of the maps the other kernel reads */
static bool noticed, prepared, on_probation;

void switchover_reserve(void)
{
    map_area.len = RESERVED;
    map_area.pa = frame_run(RESERVED / PAGE);
    if (!map_area.pa)
        map_area.len = 0;
}

/* CMD has changed. */
void switchover_notice(void)
{
    noticed = true;
}

static void drivers_switching(bool on)
{
    uart_switching(on);
    pit_switching(on);
    cmos_switching(on);
}

static void answer(uint8_t phase, uint8_t code, uint32_t value)
{
    record(phase, code, value);
    sc_ack(phase, code, switchover_txn);
}

static bool make_room(uint32_t len)
{
    uint32_t pages = PAGES(len), pa;

    if (map_area.len >= len)
        return true;
    pa = frame_run(pages);
    if (!pa)
        return false;
    for (uint32_t at = 0; at < map_area.len; at += PAGE)
        frame_free(map_area.pa + at);
    map_area.pa = pa;
    map_area.len = pages * PAGE;
    return true;
}

/* Words for the card's log: the console is for those outside. */
static void say(const char *text, uint32_t number)
{
    char digits[10];
    int n = 0;

    while (*text)
        sc_log(*text++);
    do {
        digits[n++] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    while (n)
        sc_log(digits[--n]);
}

/* The map cannot be written: there is no room, or no word for something that is there. */
static void refuse(const struct ssm_unsaid *unsaid, uint32_t room)
{
    if (!unsaid->section) {
        answer(SC_ACK_ERROR, SC_REASON_NO_MEMORY, room);
        return;
    }
    say("a map of version 1.", target_minor);
    say(" cannot say what is in section ", unsaid->section);
    say(", record ", unsaid->key);
    sc_log('\n');
    answer(SC_ACK_ERROR, SC_REASON_UNSUPPORTED, unsaid->section);
}

/* The map is written here for the first time, as a draft: what is the same at SAVE, the host then
   knows already, and need not check in the blackout. */
static void prepare(void)
{
    struct ssm_unsaid unsaid;
    uint32_t len;

    switchover_txn = (uint16_t)sc_argument(SC_ARG_TXN);
    target_minor = sc_argument(SC_ARG_TARGET_MINOR);
    recorder_start(switchover_txn, SSM_SOURCE_OLD_KERNEL);
    if (sc_argument(SC_ARG_ECHO_PA) >= RAM_MAX) {
        answer(SC_ACK_ERROR, SC_REASON_UNSUPPORTED, RAM_MAX);
        return;
    }
    sc_work(2 * proc_count()); /* it may have to be written twice */
    len = save(map_area.pa, map_area.len, switchover_txn, target_minor, &unsaid);
    if (!unsaid.section && (!len || len + SLACK > map_area.len) && make_room(save_size() + SLACK))
        len = save(map_area.pa, map_area.len, switchover_txn, target_minor, &unsaid);
    if (!len || len + SLACK > map_area.len)
        return refuse(&unsaid, save_size());
    drivers_switching(true);
    prepared = true;
    sc_map(map_area.pa, len);
    answer(SC_ACK_PREPARED, 0, map_area.len);
}

static void resume_old(uint8_t code)
{
    drivers_switching(false);
    prepared = false;
    answer(SC_ACK_RESUMED, code, 0);
}

/* Paging off (this code is mapped where it is) and to the bootstrap, on flat segments. */
static void leave(void) __attribute__((noreturn));
static void leave(void)
{
    record(SC_ACK_BOOT, 0, SSM_BOOTSTRAP_PA);
    xmm_leave();
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr3(0);
    __asm__ volatile("jmp *%0" : : "r"(SSM_BOOTSTRAP_PA));
    __builtin_unreachable();
}

static bool save_map(uint32_t pa, uint32_t room, uint8_t phase)
{
    struct ssm_unsaid unsaid;
    uint32_t len;

    sc_work(proc_count());
    len = save(pa, room, switchover_txn, target_minor, &unsaid);
    if (len) {
        sc_map(pa, len);
        answer(phase, 0, len);
    } else {
        refuse(&unsaid, room);
    }
    return len != 0;
}

/* The next command; nothing else happens meanwhile. */
static uint32_t next_command(uint32_t last)
{
    uint32_t command;

    while ((command = sc_command()) == last)
        ;
    return command;
}

/* No process runs any more. Returns when they shall again. */
static void park(void)
{
    uint32_t command = SC_CMD_QUIESCE;
    bool saved = false;

    uart_drain();
    cmos_write_time((uint32_t)(real_time() / NS_PER_S));
    answer(SC_ACK_QUIESCED, 0, 0);
    for (;;) {
        command = next_command(command);
        if (command == SC_CMD_SAVE)
            saved = save_map(map_area.pa, map_area.len, SC_ACK_SAVED);
        else if (command == SC_CMD_SWITCH && saved)
            leave();
        else if (command == SC_CMD_RESUME_OLD)
            return resume_old(2);
        else
            return resume_old(1);
    }
}

/* Between two processes: nothing is half done, and no kernel stack holds anything. */
void switchover_point(void)
{
    if (!noticed)
        return;
    noticed = false;
    switch (sc_command()) {
    case SC_CMD_QUERY_CAPS:
        caps_answer();
        break;
    case SC_CMD_PREPARE:
        if (!prepared)
            prepare();
        break;
    case SC_CMD_QUIESCE:
        if (prepared)
            park();
        break;
    case SC_CMD_NONE: /* the host has given up and gone */
    case SC_CMD_CANCEL:
        if (prepared)
            resume_old(1);
        break;
    }
}

/* The host watches a new kernel for a while: each tick says that it lives, until CMD says
   something else. */
void switchover_tick(void)
{
    if (!on_probation)
        return;
    if (sc_command() == SC_CMD_COMMIT)
        sc_worked(1);
    else
        on_probation = false;
}

static void commit(void)
{
    before_commit = false;
    on_probation = true;
    sc_work(0); /* from here on a tick is one */
    clock.switches++;
    answer(SC_ACK_RESUMED, 0, frames_free());
    paging_reach(0, memory.top); /* the host, and the other cards, need not wait for this */
    frame_open();
    kbd_irq(); /* what has been typed meanwhile raised its interrupt while nobody looked */
    fault_after_commit();
}

/* The entry of a switchover. */
void switchover_boot(const struct ssm_boot *at)
{
    struct ssm_boot boot = *at;
    const struct ssm_hdr *hdr;
    uint32_t command = SC_CMD_SWITCH;

    before_commit = true;
    switchover_txn = (uint16_t)boot.txn;
    recorder_start(boot.txn, SSM_SOURCE_NEW_KERNEL);
    sc_init(boot.card_base);
    if (boot.magic != SSM_MAGIC || boot.major != SSM_MAJOR
        || (boot.func != SSM_FUNC_SWITCH && boot.func != SSM_FUNC_REVERSE)) /* alike, for us */
        restore_fail(SC_REASON_BAD_BOOT, boot.func);
    if (boot.mem_top > RAM_MAX)
        restore_fail(SC_REASON_UNSUPPORTED, boot.mem_top);
    memory_switch(&boot);
    paging_init();
    paging_reach(boot.ssm_pa, boot.ssm_pa + boot.ssm_len);
    segment_init();
    trap_init();
    xmm_init();
    frame_init();
    ttys_init(false);
    restore(&boot);
    hdr = P2V(boot.ssm_pa);
    target_minor = hdr->minor; /* the echo says what the map can say */
    map_area.pa = hdr->phys_lo;
    map_area.len = hdr->phys_hi - hdr->phys_lo;
    pic_init();
    pit_init();
    uart_init(false);
    ttys_unmask();
    pic_unmask(SC_IRQ);
    print("refkernel " VERSION ": %u processes taken over\n", proc_count());
    answer(SC_ACK_RESTORED, 0, proc_count());
    while ((command = next_command(command)) != SC_CMD_COMMIT)
        if (command == SC_CMD_ECHO)
            save_map(boot.echo_pa, boot.echo_len, SC_ACK_ECHOED);
    commit();
    schedule();
}
