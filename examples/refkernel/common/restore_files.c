/* Takes over what the Save State Map says of the initrd and of open files: FILE, FD, PIPE, LOCK. */
#include "kernel.h"
#include "map.h"

void restore_initrd(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FRAME);
    struct ssm_frame frame;

    while (ssm_next(&at, &frame, sizeof frame) && !frame.pid)
        if (frame.kind == SSM_FRAME_RAMDISK) {
            memory.initrd = frame.paddr;
            memory.initrd_len = frame.n_pages * PAGE;
            frame_claim(frame.paddr, frame.n_pages);
            paging_reach(frame.paddr, frame.paddr + frame.n_pages * PAGE);
        }
    initrd_init();
}

void restore_pipes(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_PIPE);
    struct ssm_pipe from;

    while (ssm_next(&at, &from, sizeof from)) {
        struct pipe *pipe;
        must(from.len <= PIPE_SIZE, SC_REASON_UNSUPPORTED, from.id);
        pipe = pipe_new(from.id);
        must(pipe, SC_REASON_NO_MEMORY, from.id);
        pipe_set_seq(pipe, from.seq);
        pipe_put(pipe, at.data, from.len);
    }
}

/* The path looked up last, and what is there: many processes run the same program. */
struct known { uint32_t off, len; const uint8_t *text; struct inode *inode; };

/* The inode of a path in BLOB; 0: there is none. */
static struct inode *named(const void *map, uint32_t off, uint32_t len, struct known *last)
{
    static char path[PATH_MAX];
    const uint8_t *text;

    if (last->text && last->off == off && last->len == len)
        return last->inode;
    text = ssm_blob(map, off, len);
    if (!text || len >= sizeof path)
        return 0;
    if (!last->text || last->len != len || memcmp(last->text, text, len)) {
        memcpy(path, text, len);
        path[len] = 0;
        last->inode = path_lookup(path);
    }
    *last = (struct known){ off, len, text, last->inode };
    return last->inode;
}

/* What a process runs: for /proc/PID/exe. */
void restore_exe(const void *map, struct proc *p, uint32_t off, uint32_t len)
{
    static struct known last;

    p->exe = len ? named(map, off, len, &last) : 0;
    if (p->exe)
        inode_hold(p->exe);
}

/* Where a process was; in a directory that is there no more, it is in the root now. */
void restore_cwd(const void *map, struct proc *p, uint32_t off, uint32_t len)
{
    static struct known last;
    struct inode *folder = len ? named(map, off, len, &last) : 0;

    if (!folder || !is_folder(folder))
        return;
    inode_release(p->cwd);
    p->cwd = inode_hold(folder);
}

/* What is named by its path, in /proc and in /tmp by its number. */
static struct inode *inode_of(const void *map, const struct ssm_file *from)
{
    static struct known last;
    struct inode *inode;

    if (from->kind == SSM_FILE_TMP)
        inode = inode_find((uint32_t)from->dev_ino);
    else if (from->kind == SSM_FILE_PROC && from->dev_ino >= PROC_INO)
        inode = procfs_inode((uint32_t)from->dev_ino);
    else
        inode = named(map, from->path_off, from->path_len, &last);
    must(inode, SC_REASON_BAD_MAP, from->file_id);
    return inode_hold(inode);
}

/* Version 1.0 has one terminal, and in place of a path the input nobody has read. */
static void restore_console_1_0(const void *map, const struct ssm_file *from, struct file *file)
{
    const uint8_t *input = ssm_blob(map, from->path_off, from->path_len);

    file->tty = console;
    file->inode = inode_hold(path_lookup("dev/console"));
    must(ttybuf_len(&console->in) + from->path_len <= TTY_INPUT, SC_REASON_UNSUPPORTED,
         from->file_id);
    for (uint32_t i = 0; input && i < from->path_len; i++)
        ttybuf_put(&console->in, input[i] == 4 ? 0 : (char)input[i],
                   input[i] == '\n' || input[i] == 4);
}

static void restore_file(const void *map, const struct ssm_file *from, struct file *file)
{
    switch (from->kind) {
    case SSM_FILE_TMP:
    case SSM_FILE_REGULAR:
    case SSM_FILE_DIRECTORY:
    case SSM_FILE_DEVICE:
    case SSM_FILE_PROC:
        file->inode = inode_of(map, from);
        if (from->kind == SSM_FILE_TMP)
            file->kind = is_folder(file->inode) ? SSM_FILE_DIRECTORY : SSM_FILE_REGULAR;
        break;
    case SSM_FILE_TTY:
        if (!((const struct ssm_hdr *)map)->minor) {
            restore_console_1_0(map, from, file);
            break;
        }
        file->inode = inode_of(map, from);
        file->tty = from->dev_ino == HUNG_UP ? 0 : tty_find((uint32_t)from->dev_ino);
        must(file->tty || from->dev_ino == HUNG_UP, SC_REASON_UNSUPPORTED, from->file_id);
        break;
    case SSM_FILE_PIPE_READ:
    case SSM_FILE_PIPE_WRITE:
        file->pipe = pipe_find((uint32_t)from->dev_ino);
        must(file->pipe, SC_REASON_BAD_MAP, from->file_id);
        if (from->kind == SSM_FILE_PIPE_READ)
            file->pipe->readers++;
        else
            file->pipe->writers++;
        break;
    case SSM_FILE_TIMER:
        break;
    default:
        restore_fail(SC_REASON_UNSUPPORTED, from->file_id);
    }
}

void restore_files(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FILE);
    const struct ssm_file *from;
    struct ssm_file room;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        struct file *file = file_new(from->file_id, from->kind, from->flags);
        must(file, SC_REASON_NO_MEMORY, from->file_id);
        file->offset = from->offset;
        restore_file(map, from, file);
    }
}

void restore_locks(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_LOCK);
    struct ssm_lock from;

    while (ssm_next(&at, &from, sizeof from)) {
        struct lock lock = { .file = file_find(from.file_id), .pid = from.pid,
                             .write = from.type == SSM_LOCK_WRITE, .start = from.start,
                             .end = from.end };
        must(lock.file, SC_REASON_BAD_MAP, from.file_id);
        must(lock_add(&lock), SC_REASON_NO_MEMORY, from.file_id);
    }
}

void restore_fds(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FD);
    const struct ssm_fd *from;
    struct ssm_fd room;
    struct file *file = 0;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        p = proc_of(from->pid, p);
        if (!file || file->id != from->file_id)
            file = file_find(from->file_id);
        must(file && from->fd < NOFILE, SC_REASON_BAD_MAP, from->file_id);
        fd_set(p, from->fd, file, from->flags & FD_CLOEXEC);
        file->refs++;
    }
}
