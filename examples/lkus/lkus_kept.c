/* Sections this kernel never changes, kept as they came: open files, each of them the console,
   descriptors and strings. For a kernel whose processes open and close nothing. */
#include "lkus.h"

static struct { uint16_t type, size; uint32_t count; uint8_t records[2048]; } kept[] = {
    { SSM_FILE, sizeof(struct ssm_file), 0, "" }, { SSM_FD, sizeof(struct ssm_fd), 0, "" },
    { SSM_BLOB, 1, 0, "" } };
enum { FILE, FD, KEPT = sizeof kept / sizeof *kept };

void lkus_open_console(uint32_t pid)
{
    struct ssm_file *console = (void *)kept[FILE].records;
    struct ssm_fd *fds = (void *)kept[FD].records;

    lkus_must(kept[FD].count < sizeof kept[FD].records / sizeof *fds, SC_REASON_NO_MEMORY);
    kept[FILE].count = 1;
    *console = (struct ssm_file){ .file_id = 1, .kind = SSM_FILE_TTY, .flags = 2 /* O_RDWR */,
                                  .refs = console->refs + 1 };
    fds[kept[FD].count++] = (struct ssm_fd){ .pid = pid, .fd = 1, .file_id = 1 };
}

bool lkus_fd_is_open(uint32_t pid, uint32_t fd)
{
    const struct ssm_fd *at = (const void *)kept[FD].records, *end = at + kept[FD].count;

    while (at < end && (at->pid != pid || at->fd != fd))
        at++;
    return at < end;
}

void lkus_kept_save(struct ssm_writer *out)
{
    for (int i = 0; i < KEPT; i++) {
        lkus_section(out, kept[i].type);
        lkus_append(out, kept[i].records, kept[i].count * kept[i].size);
    }
}

void lkus_kept_restore(const struct ssm_hdr *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_DEV);
    struct ssm_dev dev = { .blob_off = ~0u };
    const struct ssm_file *file = (const void *)kept[FILE].records;

    ssm_next(&at, &dev, sizeof dev); /* from there on BLOB is the host's: the cards' states */
    for (int i = 0; i < KEPT; i++) {
        const struct ssm_sect *sect = ssm_find(map, kept[i].type);
        if (!sect)
            continue;
        kept[i].count = sect->count;
        if (sect->type == SSM_BLOB && dev.blob_off < sect->count)
            kept[i].count = dev.blob_off;
        lkus_must(sect->rec_size == kept[i].size
                  && kept[i].count <= sizeof kept[i].records / kept[i].size,
                  SC_REASON_UNSUPPORTED);
        __builtin_memcpy(kept[i].records, (const char *)map + sect->off,
                         kept[i].count * kept[i].size);
    }
    for (uint32_t i = 0; i < kept[FILE].count; i++)
        lkus_must(file[i].kind == SSM_FILE_TTY, SC_REASON_UNSUPPORTED);
}
