/* The part of the Save State Map that is about open files: FILE, FD, PIPE, LOCK; and BLOB, which
   holds what records of all sections name. */
#include "kernel.h"
#include "map.h"

/* What is named waits at the end of the map's memory until BLOB is written. */
static struct { uint8_t *at; uint32_t len, room, last, last_len; bool full; } texts;

void text_begin(void *at, uint32_t room)
{
    texts.at = at, texts.room = room;
    texts.len = texts.last = texts.last_len = 0;
    texts.full = false;
}

/* Where it will be in BLOB; the same again and again, such as a directory, is there once. */
uint32_t text_put(const void *bytes, uint32_t len)
{
    if (len && len == texts.last_len && !memcmp(texts.at + texts.last, bytes, len))
        return texts.last;
    if (len > texts.room - texts.len) {
        texts.full = true;
        return 0;
    }
    memcpy(texts.at + texts.len, bytes, len);
    texts.last = texts.len, texts.last_len = len;
    texts.len += len;
    return texts.last;
}

bool save_blob(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_BLOB);
    ssm_append_blob(out, texts.at, texts.len);
    ssm_end_section(out);
    return !texts.full;
}

/* An inode's path as FILE and TASK have it; none when it has been removed. */
struct text_place text_path(const struct inode *inode)
{
    static char path[PATH_MAX];
    int n = path_of(inode, path, sizeof path);

    return n > 0 ? (struct text_place){ text_put(path, (uint32_t)n), (uint32_t)n }
                 : (struct text_place){ 0, 0 };
}

/* Bytes a path takes, in BLOB and before. */
uint32_t text_path_size(const struct inode *inode)
{
    uint32_t len = 2;

    for (; inode && inode->ino != INO_ROOT; inode = inode->parent)
        len += 2 * (1 + strlen(inode->name));
    return len;
}

/* Bytes all this takes at most, named ones twice. */
uint32_t save_files_size(void)
{
    uint32_t len = 0;

    for (struct file *file = file_first(); file; file = file_after(file)) {
        len += sizeof(struct ssm_file) + sizeof(struct ssm_timer);
        len += file_is_named(file) ? text_path_size(file->inode) : 0;
    }
    for (struct pipe *pipe = pipe_first(); pipe; pipe = pipe_after(pipe))
        len += sizeof(struct ssm_pipe) + PIPE_SIZE;
    for (struct lock *lock = lock_first(); lock; lock = lock->next)
        len += sizeof(struct ssm_lock);
    return len;
}

static void save_file(struct file *file, struct ssm_file *to)
{
    struct text_place place;

    to->file_id = file->id, to->kind = file->kind, to->flags = file->flags;
    to->refs = file->refs, to->offset = file->offset;
    switch (file->kind) {
    case SSM_FILE_TIMER:
        to->dev_ino = file->id;
        return;
    case SSM_FILE_PIPE_READ:
    case SSM_FILE_PIPE_WRITE:
        to->dev_ino = file->pipe->id;
        return;
    case SSM_FILE_TTY:
        to->dev_ino = file->tty ? file->tty->number : HUNG_UP;
        break;
    case SSM_FILE_DEVICE:
        to->dev_ino = file->inode->rdev;
        break;
    default:
        to->dev_ino = file->inode->ino;
        if (tmpfs_is(file->inode) && file->inode != tmpfs_root())
            to->kind = SSM_FILE_TMP;
    }
    place = text_path(file->inode);
    to->path_off = place.off, to->path_len = place.len;
}

void save_files(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_FILE);
    for (struct file *file = file_first(); file; file = file_after(file)) {
        struct ssm_file *to = ssm_append(out);
        if (!to)
            return;
        save_file(file, to);
    }
    ssm_end_section(out);
}

void save_fds(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_FD);
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        for (uint32_t fd = 0, end = fd_end(p); fd < end; fd++) {
            const struct file *file = fd_file(p, fd);
            struct ssm_fd *to = file ? ssm_append_raw(out, sizeof *to) : 0;
            if (!to)
                continue;
            to->pid = p->pid, to->fd = fd, to->file_id = file->id, to->flags = fd_cloexec(p, fd);
        }
    ssm_end_section(out);
}

void save_pipes(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_PIPE);
    for (struct pipe *pipe = pipe_first(); pipe; pipe = pipe_after(pipe)) {
        struct ssm_pipe *to = ssm_append(out);
        void *bytes = to ? ssm_append_data(out, pipe_used(pipe)) : 0;
        if (!bytes)
            return;
        to->id = pipe->id;
        to->len = pipe_used(pipe);
        to->seq = pipe_seq(pipe);
        pipe_peek(pipe, bytes);
    }
    ssm_end_section(out);
}

void save_locks(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_LOCK);
    for (struct lock *lock = lock_first(); lock; lock = lock->next) {
        struct ssm_lock *to = ssm_append(out);
        if (!to)
            return;
        to->file_id = lock->file->id, to->pid = lock->pid;
        to->kind = lock->pid ? SSM_LOCK_POSIX : SSM_LOCK_FLOCK;
        to->type = lock->write ? SSM_LOCK_WRITE : SSM_LOCK_READ;
        to->start = lock->start, to->end = lock->end;
    }
    ssm_end_section(out);
}
