/* timerfd: a timer that is a file; its offset counts expirations nobody has read. */
#include "calls.h"

int sys_timerfd_create(struct proc *p, const uint32_t a[6])
{
    struct file *file;
    int fd;

    if ((a[0] != CLOCK_REALTIME && a[0] != CLOCK_MONOTONIC && a[0] != CLOCK_BOOTTIME)
        || (a[1] & ~(O_NONBLOCK | O_CLOEXEC)))
        return -EINVAL;
    file = file_new(0, SSM_FILE_TIMER, O_RDWR | (a[1] & O_NONBLOCK));
    if (!file)
        return -ENFILE;
    fd = fd_install(p, file, 0, a[1] & O_CLOEXEC);
    if (fd < 0)
        file_delete(file);
    return fd;
}

static struct abi_itimerspec read_timer(struct file *file)
{
    uint64_t deadline, period;

    if (!timer_read(SSM_TIMER_TIMERFD, file->id, &deadline, &period))
        return (struct abi_itimerspec){ { 0, 0 }, { 0, 0 } };
    return (struct abi_itimerspec){ timespec_of(period),
                                    timespec_of(timer_left_for_user(deadline, now())) };
}

static int timer_file(struct proc *p, uint32_t fd, struct file **file)
{
    *file = fd_file(p, fd);
    if (!*file)
        return -EBADF;
    return (*file)->kind == SSM_FILE_TIMER ? 0 : -EINVAL;
}

/* Relative, or with TIMER_ABSTIME against the monotonic clock. */
int sys_timerfd_settime(struct proc *p, const uint32_t a[6])
{
    struct file *file;
    struct abi_itimerspec old;
    uint64_t interval, value, when = now();
    bool armed;
    int error = timer_file(p, a[0], &file);

    if (error)
        return error;
    if (!timespec_in(a[2], &interval)
        || !timespec_in(a[2] + sizeof(struct abi_timespec), &value))
        return -EINVAL;
    armed = value != 0;
    old = read_timer(file);
    if (a[3] && copy_out(a[3], &old, sizeof old))
        return -EFAULT;
    file->offset = 0;
    timer_disarm(SSM_TIMER_TIMERFD, file->id);
    value += a[1] & TIMER_ABSTIME ? clock.boot_ns : when;
    if (armed && !timer_arm(SSM_TIMER_TIMERFD, file->id, value, interval))
        return -ENOMEM;
    return 0;
}

int sys_timerfd_gettime(struct proc *p, const uint32_t a[6])
{
    struct file *file;
    struct abi_itimerspec value;
    int error = timer_file(p, a[0], &file);

    if (error)
        return error;
    value = read_timer(file);
    return copy_out(a[1], &value, sizeof value);
}

int timerfd_read(struct proc *p, struct file *file, uint32_t to, uint32_t len)
{
    if (len < sizeof file->offset)
        return -EINVAL;
    if (!file->offset) {
        if (file->flags & O_NONBLOCK)
            return -EAGAIN;
        proc_block(p, SSM_WAIT_TIMER_READ, file->id);
        return BLOCKED;
    }
    if (copy_out(to, &file->offset, sizeof file->offset))
        return -EFAULT;
    file->offset = 0;
    return sizeof file->offset;
}
