/* Save State Map: the reader. Included by ssm.h.
 *
 * ssm_check first: it never reads outside the bytes it is given, and after it has returned 0 a
 * cursor does not either.
 *
 *     struct ssm_cursor at = ssm_open(map, SSM_VMA);
 *     struct ssm_vma vma;
 *     while (ssm_next(&at, &vma, sizeof vma)) ...
 *
 * or, where copying takes too long, `const struct ssm_vma *seen` and
 *
 *     while ((seen = ssm_see(&at, &vma, sizeof vma))) ...
 */
#ifndef SSM_READ_H
#define SSM_READ_H

/* CRC-32 as zlib.crc32 of len bytes. Every program brings its own: a kernel asks the card (and
 * needs a "memory" clobber on the OUT), others define SSM_SOFT_CRC. */
#ifdef SSM_SOFT_CRC
static inline uint32_t ssm_crc32(const void *at, uint32_t len)
{
    const uint8_t *byte = at;
    uint32_t crc = ~0u;

    while (len--) {
        crc ^= *byte++;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}
#else
uint32_t ssm_crc32(const void *at, uint32_t len);
#endif

/* The header's checksum is taken with its own field 0. */
static inline uint32_t ssm_header_crc(const void *map)
{
    struct ssm_hdr hdr;

    __builtin_memcpy(&hdr, map, sizeof hdr);
    hdr.hdr_crc = 0;
    return ssm_crc32(&hdr, sizeof hdr);
}

static inline const struct ssm_sect *ssm_sections(const void *map)
{
    const struct ssm_hdr *hdr = map;

    return (const void *)((const uint8_t *)map + hdr->sect_off);
}

/* A kernel may choose to know no more than an older minor version. */
#ifndef SSM_READ_MINOR
#define SSM_READ_MINOR SSM_MINOR
#endif

/* What this version knows of a section type; size 0 when nothing. */
static inline const struct ssm_kind *ssm_kind(uint32_t type)
{
    return &ssm_kinds[type <= SSM_TYPE_MAX && ssm_kinds[type].since <= SSM_READ_MINOR ? type : 0];
}

/* Level 0 of a section: bounds, overlap with those before it, checksum. */
static inline int ssm_check_bounds(const void *map, uint32_t index)
{
    const struct ssm_hdr *hdr = map;
    const struct ssm_sect *sect = ssm_sections(map), *it = &sect[index];

    if (it->off > hdr->total_len || it->len > hdr->total_len - it->off || (it->off & 7))
        return -SSM_E_SECTION_BOUNDS;
    if (it->len && it->off < hdr->sect_off + hdr->sect_count * sizeof *sect)
        return -SSM_E_SECTION_PLACE;
    for (uint32_t i = 0; i < index; i++)
        if (it->len && sect[i].len
            && it->off < sect[i].off + sect[i].len && sect[i].off < it->off + it->len)
            return -SSM_E_SECTION_OVERLAP;
    if (ssm_crc32((const uint8_t *)map + it->off, it->len) != it->crc)
        return -SSM_E_SECTION_CRC;
    return 0;
}

/* Level 1 of a section whose records carry bytes: every record inside it, none left over. */
static inline int ssm_check_data(const void *map, const struct ssm_sect *it)
{
    const uint8_t *at = (const uint8_t *)map + it->off;
    uint32_t left = it->len;

    for (uint32_t i = 0; i < it->count; i++) {
        uint32_t data;

        if (left < it->rec_size)
            return -SSM_E_DATA;
        data = ((const struct ssm_pipe *)at)->len;
        at += it->rec_size;
        left -= it->rec_size;
        if (data > left || ((data + 7) & ~7u) > left)
            return -SSM_E_DATA;
        data = (data + 7) & ~7u;
        at += data;
        left -= data;
    }
    return left ? -SSM_E_COUNT : 0;
}

/* Level 1 of a section: version, record size, count. */
static inline int ssm_check_records(const void *map, uint32_t index)
{
    const struct ssm_sect *sect = ssm_sections(map), *it = &sect[index];
    const struct ssm_kind *kind = ssm_kind(it->type);

    if (!kind->size)
        return it->flags & SSM_SECTION_REQUIRED ? -SSM_E_UNKNOWN_SECTION : 0;
    for (uint32_t i = 0; i < index; i++)
        if (sect[i].type == it->type)
            return -SSM_E_TWICE;
    if (it->ver != 1)
        return -SSM_E_VERSION;
    if (it->rec_min > kind->size)
        return -SSM_E_REC_MIN;
    if (it->rec_size < it->rec_min || it->rec_size < kind->least)
        return -SSM_E_REC_SIZE;
    if (it->type == SSM_BLOB && it->rec_size != kind->size)
        return -SSM_E_REC_SIZE;
    if (kind->has_data)
        return ssm_check_data(map, it);
    if ((uint64_t)it->count * it->rec_size != it->len)
        return -SSM_E_COUNT;
    if (it->type == SSM_TIME && it->count != 1)
        return -SSM_E_ONE_TIME;
    return 0;
}

/* Level 0 of the header and of the section table as a whole. */
static inline int ssm_check_header(const void *map, uint32_t len)
{
    const struct ssm_hdr *hdr = map;

    if (len < sizeof *hdr)
        return -SSM_E_SHORT;
    if (hdr->magic != SSM_MAGIC)
        return -SSM_E_MAGIC;
    if (hdr->major != SSM_MAJOR)
        return -SSM_E_MAJOR;
    if (hdr->hdr_len < sizeof *hdr || hdr->hdr_len > len || (hdr->hdr_len & 7))
        return -SSM_E_HDR_LEN;
    if (hdr->total_len > len || hdr->total_len < hdr->hdr_len)
        return -SSM_E_TOTAL_LEN;
    if (ssm_header_crc(map) != hdr->hdr_crc)
        return -SSM_E_HDR_CRC;
    if (hdr->feat_required & ~(uint32_t)SSM_FEATURE_IN_PLACE)
        return -SSM_E_FEATURE;
    if (hdr->sect_size != sizeof(struct ssm_sect) || hdr->sect_count > SSM_SECTIONS_MAX
        || hdr->sect_off < hdr->hdr_len || (hdr->sect_off & 7))
        return -SSM_E_TABLE;
    if (hdr->sect_off > hdr->total_len
        || hdr->sect_count * sizeof(struct ssm_sect) > hdr->total_len - hdr->sect_off)
        return -SSM_E_TABLE_BOUNDS;
    if (ssm_crc32(ssm_sections(map), hdr->sect_count * sizeof(struct ssm_sect)) != hdr->sect_crc)
        return -SSM_E_TABLE_CRC;
    return 0;
}

/* 0, or the first fault of levels 0 and 1 as -SSM_E_...; len: bytes there are at map. */
static inline int ssm_check(const void *map, uint32_t len)
{
    const struct ssm_hdr *hdr = map;
    int fault = ssm_check_header(map, len), time = 0, proc = 0;

    for (uint32_t i = 0; !fault && i < hdr->sect_count; i++)
        fault = ssm_check_bounds(map, i);
    for (uint32_t i = 0; !fault && i < hdr->sect_count; i++) {
        fault = ssm_check_records(map, i);
        time |= ssm_sections(map)[i].type == SSM_TIME;
        proc |= ssm_sections(map)[i].type == SSM_PROC;
    }
    if (!fault && !(time && proc))
        fault = -SSM_E_MISSING;
    return fault;
}

/* The section of a type, or 0. */
static inline const struct ssm_sect *ssm_find(const void *map, uint32_t type)
{
    const struct ssm_hdr *hdr = map;

    for (uint32_t i = 0; i < hdr->sect_count; i++)
        if (ssm_sections(map)[i].type == type)
            return &ssm_sections(map)[i];
    return 0;
}

/* A place in a section's records. */
struct ssm_cursor {
    const uint8_t *at;     /* the next record */
    uint32_t left;         /* records from there on */
    uint32_t rec_size;     /* as the writer made them */
    uint8_t has_data;
    const uint8_t *data;   /* bytes of the record just read (PIPE), `len` of them */
};

/* The records of a section; none when the map has no such section, or this version does not know
 * it: ssm_check has not looked into it. */
static inline struct ssm_cursor ssm_open(const void *map, uint32_t type)
{
    const struct ssm_sect *sect = ssm_find(map, type);
    struct ssm_cursor cursor = { 0, 0, 0, 0, 0 };

    if (sect && ssm_kind(type)->size) {
        cursor.at = (const uint8_t *)map + sect->off;
        cursor.left = sect->count;
        cursor.rec_size = sect->rec_size;
        cursor.has_data = ssm_kind(type)->has_data;
    }
    return cursor;
}

/* The next record, where it stands in the map or in *room (size bytes); 0 when there is none. What
 * we know and the writer did not is 0. */
static inline const void *ssm_see(struct ssm_cursor *cursor, void *room, uint32_t size)
{
    const void *record = cursor->at;

    if (!cursor->left)
        return 0;
    cursor->left--;
    if (cursor->rec_size < size) {
        __builtin_memset(room, 0, size);
        __builtin_memcpy(room, record, cursor->rec_size);
        record = room;
    }
    cursor->data = cursor->at + cursor->rec_size;
    if (cursor->has_data)
        cursor->at += (((const struct ssm_pipe *)cursor->at)->len + 7) & ~7u;
    cursor->at += cursor->rec_size;
    return record;
}

/* The same, always copied into *record; what the writer knew and we do not is left out. */
static inline int ssm_next(struct ssm_cursor *cursor, void *record, uint32_t size)
{
    const void *seen = ssm_see(cursor, record, size);

    if (seen && seen != record)
        __builtin_memcpy(record, seen, size);
    return seen != 0;
}

/* len bytes of BLOB at off, or 0 when they are not all there. */
static inline const uint8_t *ssm_blob(const void *map, uint32_t off, uint32_t len)
{
    const struct ssm_sect *sect = ssm_find(map, SSM_BLOB);

    if (!sect || off > sect->len || len > sect->len - off)
        return 0;
    return (const uint8_t *)map + sect->off + off;
}

#endif
