/* What ssm_read.h makes of a map: the verdict of ssm_check and, when it is fit, a checksum of every
   record as ssm_next gives it. Compiled for a 486 with -fsanitize-coverage=trace-pc; main.c hears of
   every step it takes. */
#include "reader.h"

static uint32_t digest_records(const void *map, uint32_t type, uint32_t digest)
{
    struct ssm_cursor at = ssm_open(map, type);
    uint8_t record[1024];

    while (ssm_next(&at, record, ssm_kind(type)->size)) {
        digest = crc32_more(digest, record, ssm_kind(type)->size);
        if (at.has_data)
            digest = crc32_more(digest, at.data, ((const struct ssm_pipe *)record)->len);
    }
    return digest;
}

struct verdict judge(const void *map, uint32_t len)
{
    struct verdict found = { ssm_check(map, len), 0, 0 };
    const struct ssm_sect *blob;

    if (found.fault)
        return found;
    for (uint32_t type = 0; type <= SSM_TYPE_MAX + 1; type++)
        if (type != SSM_BLOB)
            found.digest = digest_records(map, type, found.digest);
    blob = ssm_find(map, SSM_BLOB);
    if (blob)
        found.digest = crc32_more(found.digest, ssm_blob(map, 0, blob->len), blob->len);
    return found;
}
