/* Save State Map: a map of this version made one of 1.0, for a kernel that knows no more. Include it
 * behind ssm.h.
 *
 *     struct ssm_unsaid unsaid;
 *     len = ssm_downgrade(map, minor, &unsaid);    (0: `unsaid` is what 1.0 has no words for)
 *
 * It works in place on what ssm_end has finished. Sections of 1.1 are left out when a kernel that
 * does not know them does the same without them; records are cut to the bytes they had.
 */
#ifndef SSM_DOWNGRADE_H
#define SSM_DOWNGRADE_H

#define SSM_1_0_WAIT_MAX  SSM_WAIT_TIMER_READ
#define SSM_1_0_FRAME_MAX SSM_FRAME_RAMDISK
#define SSM_1_0_FILE_MAX  SSM_FILE_DIRECTORY
#define SSM_1_0_TIMER_MAX SSM_TIMER_TIMERFD
#define SSM_1_0_UMASK     022
#define SSM_1_0_LFLAG     013 /* ISIG, ICANON, ECHO: how its one terminal is */

/* A record that says something an older version has no words for: its section, and its first field,
 * which names it. */
struct ssm_unsaid { uint32_t section, key; };

static inline int ssm_1_0_task(const struct ssm_task *task)
{
    return task->tgid == task->pid && task->tty <= 1 && task->umask == SSM_1_0_UMASK
        && !(task->uid | task->euid | task->suid | task->fsuid)
        && !(task->gid | task->egid | task->sgid | task->fsgid)
        && task->cwd_len <= 1 && task->root_len <= 1
        && (task->exit_signal == 17 || task->pid == 1) /* nobody hears of init's end */
        && !task->altstack_size && !task->vfork_parent && !task->stop_signal && !task->wait_flags
        && !task->nice && !(task->tls0 | task->tls1 | task->tls2)
        && !(task->dr0 | task->dr1 | task->dr2 | task->dr3 | (task->dr7 & 0xff));
}

/* Its input goes into FILE; the rest has to be as 1.0 leaves it. */
static inline int ssm_1_0_tty(const void *map, const struct ssm_tty *tty)
{
    const uint8_t *input = ssm_blob(map, tty->in_off, tty->in_len);

    if (tty->flags || tty->edit_len || tty->out_len || tty->escape_len)
        return 0;
    if (tty->tty != 1)
        return !tty->in_len && !tty->sid;
    for (uint32_t i = 0; i < tty->in_len; i++)
        if (!input || input[i] == 0xff)
            return 0;
    return (tty->lflag & SSM_1_0_LFLAG) == SSM_1_0_LFLAG;
}

/* Whether 1.0 can say what a record says; numbers it has otherwise are changed to its own. */
static inline int ssm_1_0_says(const void *map, uint32_t section, void *record)
{
    const struct ssm_proc *proc = record;
    struct ssm_file *file = record;

    switch (section) {
    case SSM_PROC:
        return (proc->state != SSM_STATE_BLOCKED && proc->state != SSM_STATE_STOPPED)
            || proc->wait_kind <= SSM_1_0_WAIT_MAX;
    case SSM_FRAME:
        return ((const struct ssm_frame *)record)->kind <= SSM_1_0_FRAME_MAX;
    case SSM_FILE:
        if (file->kind != SSM_FILE_TTY)
            return file->kind <= SSM_1_0_FILE_MAX;
        if (file->dev_ino > 1)
            return 0;
        file->dev_ino = 0;
        return 1;
    case SSM_PIPE:
        ((struct ssm_pipe *)record)->flags = 0;
        return 1;
    case SSM_TIMER:
        return ((const struct ssm_timer *)record)->kind <= SSM_1_0_TIMER_MAX;
    case SSM_TASK:
        return ssm_1_0_task(record);
    case SSM_RESTART: /* how long a nanosleep has left, and what was moved, 1.0 says elsewhere */
        return !(((const struct ssm_restart *)record)->flags & SSM_RESTART_MASK);
    case SSM_TTY:
        return ssm_1_0_tty(map, record);
    case SSM_LOCK:
    case SSM_XSTATE:
    case SSM_INODE:
    case SSM_SIGINFO:
        return 0;
    default: /* the others are as they were, or of no matter to a program: SYSTEM */
        return 1;
    }
}

/* The input of the first terminal is what 1.0 calls the path of its first open file; others of a
 * terminal have none. */
static inline void ssm_1_0_input(void *map)
{
    const struct ssm_sect *files = ssm_find(map, SSM_FILE), *ttys = ssm_find(map, SSM_TTY);
    const struct ssm_tty *tty = 0;

    if (!files)
        return;
    if (ttys && ttys->count)
        tty = (const void *)((const uint8_t *)map + ttys->off);
    if (tty && tty->tty != 1)
        tty = 0;
    for (uint32_t i = 0; i < files->count; i++) {
        struct ssm_file *file = (void *)((uint8_t *)map + files->off + i * files->rec_size);
        if (file->kind != SSM_FILE_TTY)
            continue;
        file->path_off = tty && tty->in_len ? tty->in_off : 0;
        file->path_len = tty ? tty->in_len : 0;
        tty = 0;
    }
}

/* Every record through ssm_1_0_says; the section's records cut to rec_size bytes each. */
static inline int ssm_1_0_section(void *map, struct ssm_sect *sect, uint32_t rec_size,
                                  struct ssm_unsaid *unsaid)
{
    uint8_t *from = (uint8_t *)map + sect->off, *to = from;

    for (uint32_t i = 0; i < sect->count; i++) {
        uint32_t data = ssm_kinds[sect->type].has_data ? ((struct ssm_pipe *)from)->len : 0;
        data = (data + 7) & ~7u;
        if (!ssm_1_0_says(map, sect->type, from)) {
            unsaid->section = sect->type;
            unsaid->key = *(const uint32_t *)from;
            return 0;
        }
        __builtin_memmove(to, from, rec_size);
        __builtin_memmove(to + rec_size, from + sect->rec_size, data);
        from += sect->rec_size + data;
        to += rec_size + data;
    }
    sect->rec_size = (uint16_t)rec_size;
    sect->len = (uint32_t)(to - ((uint8_t *)map + sect->off));
    return 1;
}

/* The map's length as one of `minor`; 0 when that cannot say what *unsaid names. */
static inline uint32_t ssm_downgrade(void *map, uint32_t minor, struct ssm_unsaid *unsaid)
{
    struct ssm_hdr *hdr = map;
    struct ssm_sect *sect = (void *)((uint8_t *)map + hdr->sect_off);
    uint32_t kept = 0, at = sect->off;

    unsaid->section = unsaid->key = 0;
    if (minor >= hdr->minor)
        return hdr->total_len;
    ssm_1_0_input(map);
    for (uint32_t i = 0; i < hdr->sect_count; i++) {
        struct ssm_sect it = sect[i];
        const struct ssm_kind *kind = &ssm_kinds[it.type];
        if (it.type != SSM_BLOB && !ssm_1_0_section(map, &it, kind->since ? it.rec_size : kind->least,
                                                    unsaid))
            return 0;
        if (kind->since > minor)
            continue;
        __builtin_memmove((uint8_t *)map + at, (uint8_t *)map + it.off, it.len);
        it.off = at;
        it.crc = ssm_crc32((uint8_t *)map + at, it.len);
        at += it.len;
        __builtin_memset((uint8_t *)map + at, 0, -at & 7);
        at += -at & 7;
        sect[kept++] = it;
    }
    __builtin_memset(&sect[kept], 0, (hdr->sect_count - kept) * sizeof *sect);
    hdr->minor = (uint16_t)minor;
    hdr->sect_count = (uint16_t)kept;
    hdr->total_len = at;
    hdr->sect_crc = ssm_crc32(sect, kept * sizeof *sect);
    hdr->hdr_crc = ssm_header_crc(map);
    return at;
}

#endif
