/* The part of the Save State Map that is about open files: FILE, FD, PIPE, and the texts of FILE in
   BLOB. */
#include "kernel.h"
#include "map.h"

/* FILE, then BLOB with what FILE says of it: paths, and for the console's first file its input. */
void save_files(struct ssm_writer *out)
{
    uint32_t off = 0;
    char input[TTY_INPUT];
    bool tty_saved = false;

    ssm_begin_section(out, SSM_FILE);
    for (struct file *file = file_first(); file; file = file_after(file)) {
        struct ssm_file *to = ssm_append(out);
        if (!to)
            return;
        to->file_id = file->id, to->kind = file->kind, to->flags = file->flags;
        to->refs = file->refs, to->offset = file->offset;
        if (file->kind == SSM_FILE_REGULAR || file->kind == SSM_FILE_DIRECTORY) {
            to->dev_ino = file->inode->ino;
            to->path_len = 1 + strlen(file->inode->name);
        } else if (file->kind == SSM_FILE_TTY && !tty_saved) {
            to->path_len = ttybuf_peek(input);
            tty_saved = true;
        } else if (file->kind == SSM_FILE_TIMER) {
            to->dev_ino = file->id;
        } else if (file->kind != SSM_FILE_TTY) {
            to->dev_ino = file->pipe->id;
        }
        to->path_off = to->path_len ? off : 0;
        off += to->path_len;
    }
    ssm_end_section(out);
    ssm_begin_section(out, SSM_BLOB);
    tty_saved = false;
    for (struct file *file = file_first(); file; file = file_after(file)) {
        if (file->kind == SSM_FILE_REGULAR || file->kind == SSM_FILE_DIRECTORY) {
            ssm_append_blob(out, "/", 1);
            ssm_append_blob(out, file->inode->name, strlen(file->inode->name));
        } else if (file->kind == SSM_FILE_TTY && !tty_saved) {
            ssm_append_blob(out, input, ttybuf_peek(input));
            tty_saved = true;
        }
    }
    ssm_end_section(out);
}

void save_fds(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_FD);
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        for (uint32_t fd = 0; fd < NOFILE; fd++) {
            struct ssm_fd *to = fd_file(p, fd) ? ssm_append(out) : 0;
            if (!to)
                continue;
            to->pid = p->pid, to->fd = fd;
            to->file_id = fd_file(p, fd)->id;
            to->flags = fd_cloexec(p, fd);
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
