/* The descriptors of a process, its working directory, program and terminal: at fork, exec and exit. */
#include "calls.h"

/* fork: the same open files. */
void fds_copy(struct proc *to, struct proc *from)
{
    for (uint32_t fd = 0; fd < NOFILE; fd++)
        if (fd_file(from, fd)) {
            fd_set(to, fd, fd_file(from, fd), fd_cloexec(from, fd));
            fd_file(from, fd)->refs++;
        }
    to->cwd = inode_hold(from->cwd);
    to->exe = from->exe ? inode_hold(from->exe) : 0;
    to->tty = from->tty;
}

/* All, or those that do not outlive an exec. */
void fds_close(struct proc *p, bool all)
{
    for (uint32_t fd = 0; fd < NOFILE; fd++) {
        struct file *file = fd_file(p, fd);
        if (!file || !(all || fd_cloexec(p, fd)))
            continue;
        fd_set(p, fd, 0, false);
        lock_fd_closed(p, file);
        file_release(file);
    }
    if (all) {
        if (p->exe)
            inode_release(p->exe);
        p->exe = 0;
        inode_release(p->cwd);
        p->cwd = inode_hold(root()); /* a zombie is nowhere else */
    }
}
