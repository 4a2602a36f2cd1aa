/* The descriptors of a process, all at once: at fork, exec and exit. */
#include "calls.h"

/* fork: the same open files. */
void fds_copy(struct proc *to, struct proc *from)
{
    for (uint32_t fd = 0; fd < NOFILE; fd++)
        if (fd_file(from, fd)) {
            fd_set(to, fd, fd_file(from, fd), fd_cloexec(from, fd));
            fd_file(from, fd)->refs++;
        }
}

/* All, or those that do not outlive an exec. */
void fds_close(struct proc *p, bool all)
{
    for (uint32_t fd = 0; fd < NOFILE; fd++) {
        struct file *file = fd_file(p, fd);
        if (!file || !(all || fd_cloexec(p, fd)))
            continue;
        file_release(file);
        fd_set(p, fd, 0, false);
    }
}
