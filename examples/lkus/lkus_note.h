/* What a kernel says of itself: to a host that may switch to it by the LKUS note of its image, to
 * the host it runs on by its capabilities. Included by lkus.h. Once, in a file of yours:
 *
 *     LKUS_NOTE("mine 1.0", { "pic", 1, 1 }, { "pit", 1, 1 });
 *
 * the name, of up to 31 bytes, and the cards you drive with the versions of their states.
 * The linker script has image_start, image_end and build_id, and keeps section .note.lkus.
 */
#ifndef LKUS_NOTE_H
#define LKUS_NOTE_H

extern char image_start[], image_end[], _start[];
extern const uint8_t build_id[];

/* In both: the sections of maps we read and write, and the cards. */
#define LKUS_DRIVER_COUNT(...) \
    (sizeof((struct ssm_drivercap[]){ __VA_ARGS__ }) / sizeof(struct ssm_drivercap))
#define LKUS_ABLE(...) \
    struct SSM_PACKED { \
        struct ssm_sectioncap sections[SSM_SECTION_COUNT]; \
        struct ssm_drivercap drivers[LKUS_DRIVER_COUNT(__VA_ARGS__)]; \
    }

/* The note is what the host has to know of an image before it may be switched to; lkus_caps is what
   the running kernel answers to QUERY_CAPS. */
#define LKUS_NOTE(name, ...) \
    static const struct SSM_PACKED { \
        uint32_t owner_len, len, type; \
        char owner[8]; \
        struct ssm_note desc; \
        LKUS_ABLE(__VA_ARGS__) able; \
    } lkus_note __attribute__((section(".note.lkus"), used, aligned(4))) = { \
        5, sizeof(struct ssm_note) + sizeof lkus_note.able, SSM_NOTE_TYPE, "LKUS", \
        { .ssm_major = SSM_MAJOR, .ssm_minor = LKUS_MINOR, .load_lo = (uint32_t)image_start, \
          .load_hi = (uint32_t)image_end, .entry_switch = (uint32_t)_start, .ram_min = 16 << 20, \
          .features = SSM_FEATURE_IN_PLACE, .card_abi = 1, .version = name, \
          .size = sizeof(struct ssm_note), .sections = SSM_SECTION_COUNT, \
          .drivers = LKUS_DRIVER_COUNT(__VA_ARGS__) }, \
        { { SSM_SECTION_CAPS }, { __VA_ARGS__ } } }; \
    static struct SSM_PACKED { \
        struct ssm_caps head; \
        LKUS_ABLE(__VA_ARGS__) able; \
    } lkus_answer = { \
        { .magic = SSM_CAPS_MAGIC, .size = sizeof(struct ssm_caps), .ssm_major = SSM_MAJOR, \
          .ssm_minor = LKUS_MINOR, .sections = SSM_SECTION_COUNT, \
          .drivers = LKUS_DRIVER_COUNT(__VA_ARGS__), .features = SSM_FEATURE_IN_PLACE, \
          .version = name }, \
        { { SSM_SECTION_CAPS }, { __VA_ARGS__ } } }; \
    struct ssm_caps *const lkus_caps = &lkus_answer.head; \
    const uint32_t lkus_caps_len = sizeof lkus_answer

extern struct ssm_caps *const lkus_caps;
extern const uint32_t lkus_caps_len;
#endif
