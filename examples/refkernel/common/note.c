/* What this kernel says of itself: to a host that may switch to it in the LKUS note of its image, to
   the host it runs on in its capabilities. What the one can take over is what the other hands on. */
#include "kernel.h"

extern char image_start[], image_end[], _start[];

/* The cards we have drivers for, and the versions of their states that these can go on from. */
#define DRIVERS { "pic", 1, 1 }, { "pit", 1, 1 }, { "cmos", 1, 1 }, { "uart", 1, 1 }
#define COUNT(what, ...) (sizeof((what[]){ __VA_ARGS__ }) / sizeof(what))
#define DRIVER_COUNT COUNT(struct ssm_drivercap, DRIVERS)

struct SSM_PACKED tables {
    struct ssm_sectioncap sections[SSM_SECTION_COUNT];
    struct ssm_drivercap drivers[DRIVER_COUNT];
};

static const struct SSM_PACKED {
    uint32_t name_len, desc_len, type;
    char name[8];
    struct ssm_note desc;
    struct tables tables;
} note __attribute__((section(".note.lkus"), used, aligned(4))) = {
    .name_len = 5,
    .desc_len = sizeof(struct ssm_note) + sizeof(struct tables),
    .type = SSM_NOTE_TYPE,
    .name = "LKUS",
    .desc = {
        .ssm_major = SSM_MAJOR,
        .ssm_minor = KERNEL_MINOR,
        .load_lo = (uint32_t)image_start,
        .load_hi = (uint32_t)image_end,
        .entry_switch = (uint32_t)_start,
        .ram_min = 16 << 20,
        .features = SSM_FEATURE_IN_PLACE,
        .card_abi = 1,
        .version = VERSION,
        .size = sizeof(struct ssm_note),
        .sections = SSM_SECTION_COUNT,
        .drivers = DRIVER_COUNT,
    },
    .tables = { { SSM_SECTION_CAPS }, { DRIVERS } },
};

static struct SSM_PACKED {
    struct ssm_caps head;
    struct tables tables;
} caps = {
    .head = {
        .magic = SSM_CAPS_MAGIC,
        .size = sizeof(struct ssm_caps),
        .ssm_major = SSM_MAJOR,
        .ssm_minor = KERNEL_MINOR,
        .sections = SSM_SECTION_COUNT,
        .drivers = DRIVER_COUNT,
        .features = SSM_FEATURE_IN_PLACE,
        .version = VERSION,
    },
    .tables = { { SSM_SECTION_CAPS }, { DRIVERS } },
};

/* QUERY_CAPS: changes nothing but the figures of the present. */
void caps_answer(void)
{
    caps.head.processes = proc_count();
    caps.head.frames = frames_total - frames_free();
    caps.head.map_len = save_size();
    sc_map(V2P(&caps), sizeof caps);
    sc_ack(SC_ACK_CAPS, 0, (uint16_t)sc_argument(SC_ARG_TXN));
}
