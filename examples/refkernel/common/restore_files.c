/* Takes over what the Save State Map says of the initrd and of open files: FILE, FD, PIPE. */
#include "kernel.h"
#include "map.h"

void restore_initrd(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FRAME);
    struct ssm_frame frame;

    while (ssm_next(&at, &frame, sizeof frame))
        if (frame.kind == SSM_FRAME_RAMDISK) {
            memory.initrd = frame.paddr;
            memory.initrd_len = frame.n_pages * PAGE;
            frame_claim(frame.paddr, frame.n_pages);
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

static struct inode *inode_of(const void *map, const struct ssm_file *from)
{
    const uint8_t *text = ssm_blob(map, from->path_off, from->path_len);
    char path[PATH_MAX] = "";
    struct inode *inode;

    must(text && from->path_len < sizeof path, SC_REASON_BAD_MAP, from->file_id);
    memcpy(path, text, from->path_len);
    inode = initrd_find(path);
    must(inode, SC_REASON_BAD_MAP, from->file_id);
    return inode;
}

void restore_files(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FILE);
    struct ssm_file from;

    while (ssm_next(&at, &from, sizeof from)) {
        struct file *file = file_new(from.file_id, from.kind, from.flags);
        const uint8_t *input = ssm_blob(map, from.path_off, from.path_len);
        must(file, SC_REASON_NO_MEMORY, from.file_id);
        file->offset = from.offset;
        switch (from.kind) {
        case SSM_FILE_REGULAR:
        case SSM_FILE_DIRECTORY:
            file->inode = inode_of(map, &from);
            break;
        case SSM_FILE_TTY:
            for (uint32_t i = 0; input && i < from.path_len; i++)
                ttybuf_put((char)input[i]);
            break;
        case SSM_FILE_PIPE_READ:
        case SSM_FILE_PIPE_WRITE:
            file->pipe = pipe_find((uint32_t)from.dev_ino);
            must(file->pipe, SC_REASON_BAD_MAP, from.file_id);
            if (from.kind == SSM_FILE_PIPE_READ)
                file->pipe->readers++;
            else
                file->pipe->writers++;
            break;
        case SSM_FILE_TIMER:
            break;
        default:
            restore_fail(SC_REASON_UNSUPPORTED, from.file_id);
        }
    }
}

void restore_fds(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FD);
    struct ssm_fd from;
    struct file *file = 0;
    struct proc *p = 0;

    while (ssm_next(&at, &from, sizeof from)) {
        p = proc_of(from.pid, p);
        if (!file || file->id != from.file_id)
            file = file_find(from.file_id);
        must(file && from.fd < NOFILE, SC_REASON_BAD_MAP, from.file_id);
        fd_set(p, from.fd, file, from.flags & FD_CLOEXEC);
        file->refs++;
    }
}
