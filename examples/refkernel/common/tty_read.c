/* Reading from a terminal and writing to it. Lines come one at a time; without ICANON, VMIN and
   VTIME say when a read ends, and VTIME is the process's SLEEP timer. */
#include "kernel.h"

enum { WRITE_PART = 256, DECISECOND = 100000000, WAKEUP = 256 };

/* One line, or as much of it as there is room for; 0 at an end of file, which is taken. */
static int read_line(struct tty *tty, char *to, uint32_t len)
{
    uint32_t n = 0, taken = 0, all = ttybuf_len(&tty->in);
    bool end = false;

    while (!end && n < len && taken < all) {
        char c = ttybuf_at(&tty->in, taken++, &end);
        if (c || !end)
            to[n++] = c;
    }
    if (!end && taken < all) { /* an end of file right behind what was asked for */
        char c = ttybuf_at(&tty->in, taken, &end);
        taken += end && !c;
    }
    ttybuf_drop(&tty->in, taken);
    return (int)n;
}

static int wait_for_input(struct proc *p, struct tty *tty)
{
    proc_block(p, SSM_WAIT_TTY_READ, tty->number);
    return BLOCKED;
}

/* wait.progress bytes are there already. */
static int read_raw(struct proc *p, struct file *file, uint32_t to, uint32_t len)
{
    struct tty *tty = file->tty;
    uint32_t done = p->wait.progress, part = MIN(len - done, ttybuf_len(&tty->in));
    uint32_t min = tty->termios.cc[VMIN], time = tty->termios.cc[VTIME];
    bool again = p->wait.restart_nr != 0, end;
    uint64_t armed;

    if (!user_ok(to + done, part, true))
        return done ? (int)done : -EFAULT;
    for (uint32_t i = 0; i < part; i++)
        ((char *)to)[done + i] = ttybuf_at(&tty->in, i, &end);
    ttybuf_drop(&tty->in, part);
    done += part;
    if (done == len || (done && done >= min) || (!min && !time)) {
        timer_disarm(SSM_TIMER_SLEEP, p->pid);
        return (int)done;
    }
    if (file->flags & O_NONBLOCK)
        return done ? (int)done : -EAGAIN;
    if (time && (min ? part != 0 : !again)) {
        if (!timer_arm(SSM_TIMER_SLEEP, p->pid, now() + (uint64_t)time * DECISECOND, 0))
            return done ? (int)done : -ENOMEM;
    } else if (time && (done || !min) && !timer_read(SSM_TIMER_SLEEP, p->pid, &armed, 0)) {
        return (int)done;
    }
    p->wait.progress = done;
    return wait_for_input(p, tty);
}

int tty_read(struct proc *p, struct file *file, uint32_t to, uint32_t len)
{
    struct tty *tty = file->tty;
    int error;

    if (!tty || !len) /* hung up: an end of file for ever */
        return 0;
    error = p->wait.progress ? 0 : tty_job(p, file, SIGTTIN);
    if (error)
        return error;
    if (!(tty->termios.lflag & ICANON))
        return read_raw(p, file, to, len);
    if (!ttybuf_has_line(&tty->in))
        return file->flags & O_NONBLOCK ? -EAGAIN : wait_for_input(p, tty);
    if (!user_ok(to, MIN(len, TTY_INPUT), true))
        return -EFAULT;
    return read_line(tty, (char *)to, len);
}

/* Part of it; the caller comes back for the rest. */
int tty_write(struct proc *p, struct file *file, uint32_t from, uint32_t len)
{
    struct tty *tty = file->tty;
    uint32_t n = 0;
    int error;

    if (!tty)
        return -EIO;
    error = (tty->termios.lflag & TOSTOP) && !p->wait.progress ? tty_job(p, file, SIGTTOU) : 0;
    if (error)
        return error;
    len = MIN(len, WRITE_PART);
    if (!user_ok(from, len, false))
        return -EFAULT;
    while (n < len && tty_output(tty, ((const char *)from)[n]))
        n++;
    tty_settle(tty);
    if (n || !len)
        return (int)n;
    if (file->flags & O_NONBLOCK)
        return -EAGAIN;
    proc_block(p, SSM_WAIT_TTY_WRITE, tty->number);
    return BLOCKED;
}

/* Bytes a read would get now. */
uint32_t tty_readable(struct tty *tty)
{
    uint32_t n = 0, len = ttybuf_len(&tty->in) - ttybuf_edited(&tty->in);
    bool end;

    if (!(tty->termios.lflag & ICANON))
        return ttybuf_len(&tty->in);
    for (uint32_t at = 0; at < len; at++)
        n += ttybuf_at(&tty->in, at, &end) || !end;
    return n;
}

/* What poll says of it. */
int tty_poll(const struct file *file)
{
    struct tty *tty = file->tty;
    uint32_t least = 1;
    bool in;

    if (!tty)
        return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
    if (tty->termios.cc[VMIN] && !tty->termios.cc[VTIME])
        least = tty->termios.cc[VMIN];
    in = tty->termios.lflag & ICANON ? ttybuf_has_line(&tty->in) : ttybuf_len(&tty->in) >= least;
    return (in ? POLLIN | POLLRDNORM : 0)
           | (tty->out_len < TTY_OUT - WAKEUP ? POLLOUT | POLLWRNORM : 0);
}
