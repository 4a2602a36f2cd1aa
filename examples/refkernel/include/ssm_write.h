/* Save State Map: the writer. Included by ssm.h.
 *
 *     struct ssm_writer out;
 *     ssm_begin(&out, memory, room, txn, generation);
 *     ssm_begin_section(&out, SSM_VMA);
 *     struct ssm_vma *vma = ssm_append(&out);      (zeroed; 0 when there is no room)
 *     ssm_end_section(&out);
 *     len = ssm_end(&out);                         (0 when something did not fit)
 *
 * Sections are written one after the other. Nothing outside [memory, memory + room) is touched.
 */
#ifndef SSM_WRITE_H
#define SSM_WRITE_H

#define SSM_WRITER_SECTIONS 20   /* room in the table: every section there is */

struct ssm_writer {
    uint8_t *map;
    uint32_t room;            /* bytes at map */
    uint32_t used;            /* bytes written */
    struct ssm_sect *sect;    /* the section being written */
    int full;                 /* something did not fit: the map is void */
};

/* The next len bytes, zeroed and the cursor 8-aligned after them when align is set; 0: no room. */
static inline void *ssm_take(struct ssm_writer *out, uint32_t len, int align)
{
    uint32_t room = out->room - out->used;
    void *at = out->map + out->used;

    if (out->full || len > room || (align && ((len + 7) & ~7u) > room)) {
        out->full = 1;
        return 0;
    }
    if (align)
        len = (len + 7) & ~7u;
    __builtin_memset(at, 0, len);
    out->used += len;
    return at;
}

/* Starts a map at a page boundary; the header says it owns [map, map + room). */
static inline void ssm_begin(struct ssm_writer *out, void *map, uint32_t room, uint32_t txn,
                             uint64_t generation)
{
    struct ssm_hdr *hdr;

    out->map = map;
    out->room = room & ~7u;
    out->used = 0;
    out->sect = 0;
    out->full = 0;
    hdr = ssm_take(out, sizeof *hdr + SSM_WRITER_SECTIONS * sizeof(struct ssm_sect), 1);
    if (!hdr)
        return;
    hdr->magic = SSM_MAGIC;
    hdr->major = SSM_MAJOR;
    hdr->minor = SSM_MINOR;
    hdr->hdr_len = sizeof *hdr;
    hdr->sect_off = sizeof *hdr;
    hdr->sect_size = sizeof(struct ssm_sect);
    hdr->txn = txn;
    hdr->feat_required = SSM_FEATURE_IN_PLACE;
    hdr->generation = generation;
    hdr->phys_lo = (uint32_t)(uintptr_t)map;
    hdr->phys_hi = (uint32_t)(uintptr_t)map + room;
}

static inline void ssm_begin_section(struct ssm_writer *out, uint32_t type)
{
    struct ssm_hdr *hdr = (void *)out->map;
    const struct ssm_kind *kind = &ssm_kinds[type];

    if (out->full || hdr->sect_count == SSM_WRITER_SECTIONS) {
        out->full = 1;
        return;
    }
    out->sect = (struct ssm_sect *)(void *)(out->map + hdr->sect_off) + hdr->sect_count++;
    out->sect->type = type;
    out->sect->flags = kind->flags;
    out->sect->ver = 1;
    out->sect->rec_min = kind->least;
    out->sect->rec_size = kind->size;
    out->sect->off = out->used;
}

/* A reader that does not know the section must refuse the map: a program would miss what it says. */
static inline void ssm_require(struct ssm_writer *out)
{
    if (!out->full)
        out->sect->flags |= SSM_SECTION_REQUIRED;
}

/* A new record of the section, zeroed, for the caller to fill in; 0 when there is no room. */
static inline void *ssm_append(struct ssm_writer *out)
{
    void *record = out->full ? 0 : ssm_take(out, out->sect->rec_size, 0);

    if (record)
        out->sect->count++;
    return record;
}

/* The same for a caller that assigns all of the record, of `size` bytes, itself: not zeroed. */
static inline void *ssm_append_raw(struct ssm_writer *out, uint32_t size)
{
    uint32_t used = out->used;

    if (out->full || size > out->room - used) {
        out->full = 1;
        return 0;
    }
    out->used = used + size;
    out->sect->count++;
    return out->map + used;
}

/* Room for the bytes that follow the record just appended (PIPE); its `len` is the caller's. */
static inline void *ssm_append_data(struct ssm_writer *out, uint32_t len)
{
    return ssm_take(out, len, 1);
}

/* Puts bytes into BLOB, which must be the section being written; returns their offset in it. */
static inline uint32_t ssm_append_blob(struct ssm_writer *out, const void *bytes, uint32_t len)
{
    void *at = ssm_take(out, len, 0);

    if (!at)
        return 0;
    __builtin_memcpy(at, bytes, len);
    out->sect->count += len;
    return (uint32_t)((uint8_t *)at - out->map) - out->sect->off;
}

static inline void ssm_end_section(struct ssm_writer *out)
{
    if (out->full)
        return;
    out->sect->len = out->used - out->sect->off;
    out->sect->crc = ssm_crc32(out->map + out->sect->off, out->sect->len);
    ssm_take(out, -out->used & 7, 0);
}

/* Finishes the map; returns its bytes, 0 when it did not fit. */
static inline uint32_t ssm_end(struct ssm_writer *out)
{
    struct ssm_hdr *hdr = (void *)out->map;

    if (out->full)
        return 0;
    hdr->total_len = out->used;
    hdr->sect_crc = ssm_crc32(out->map + hdr->sect_off,
                              hdr->sect_count * sizeof(struct ssm_sect));
    hdr->hdr_crc = ssm_header_crc(out->map);
    return out->used;
}

#endif
