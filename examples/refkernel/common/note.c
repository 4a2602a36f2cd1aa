/* The LKUS note: what the host has to know of this image before it may be switched to. */
#include "kernel.h"

extern char image_start[], image_end[], _start[];

static const struct {
    uint32_t name_len, desc_len, type;
    char name[8];
    struct ssm_note desc;
} note __attribute__((section(".note.lkus"), used, aligned(4))) = {
    .name_len = 5,
    .desc_len = sizeof(struct ssm_note),
    .type = SSM_NOTE_TYPE,
    .name = "LKUS",
    .desc = {
        .ssm_major = SSM_MAJOR,
        .ssm_minor = SSM_MINOR,
        .load_lo = (uint32_t)image_start,
        .load_hi = (uint32_t)image_end,
        .entry_switch = (uint32_t)_start,
        .ram_min = 16 << 20,
        .features = SSM_FEATURE_IN_PLACE,
        .card_abi = 1,
        .version = VERSION,
    },
};
