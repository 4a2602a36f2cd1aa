/* ioctl on terminals (ioctl_tty(2)). The serial line's rate and frame are fixed: CFLAG keeps them. */
#include "calls.h"

enum { CFLAG_FREE = CREAD | HUPCL | CLOCAL, TERMIOS_LEN = 36 };

static bool drained(struct proc *p, struct tty *tty)
{
    if (!tty->out_len)
        return true;
    proc_block(p, SSM_WAIT_TTY_DRAIN, tty->number);
    return false;
}

/* Changing between lines and bytes leaves what is in the input, as one line. */
static void set_termios(struct tty *tty, const struct abi_termios *to)
{
    struct abi_termios old = tty->termios;

    tty->termios = *to;
    tty->termios.cflag = (to->cflag & CFLAG_FREE) | (old.cflag & ~(uint32_t)CFLAG_FREE);
    if ((old.lflag ^ to->lflag) & ICANON) {
        ttybuf_unmark(&tty->in, to->lflag & ICANON);
        tty->literal = false;
    }
    if ((old.iflag & IXON) && !(to->iflag & IXON) && tty->stopped)
        tty_start(tty);
    wake_all(SSM_WAIT_TTY_READ, tty->number);
    poll_wake();
}

static int change_termios(struct proc *p, struct file *file, uint32_t request, uint32_t from)
{
    struct abi_termios to = file->tty->termios;
    int error = tty_job(p, file, SIGTTOU);

    if (error)
        return error;
    if (copy_in(&to, from, TERMIOS_LEN))
        return -EFAULT;
    if (request != TCSETS && !drained(p, file->tty))
        return BLOCKED;
    if (request == TCSETSF)
        tty_flush_input(file->tty);
    set_termios(file->tty, &to);
    return 0;
}

static int flow(struct tty *tty, uint32_t action)
{
    switch (action) {
    case TCOOFF:
        tty_stop(tty);
        return 0;
    case TCOON:
        tty_start(tty);
        return 0;
    case TCIOFF:
    case TCION:
        tty_send(tty, (char)tty->termios.cc[action == TCIOFF ? VSTOP : VSTART]);
        return 0;
    default:
        return -EINVAL;
    }
}

static int flush(struct tty *tty, uint32_t which)
{
    if (which > TCIOFLUSH)
        return -EINVAL;
    if (which != TCOFLUSH)
        tty_flush_input(tty);
    if (which != TCIFLUSH)
        tty_flush_output(tty);
    return 0;
}

static int set_size(struct tty *tty, uint32_t from)
{
    struct abi_winsize size;

    if (copy_in(&size, from, sizeof size))
        return -EFAULT;
    if (memcmp(&size, &tty->size, sizeof size) && tty->pgrp)
        signal_group(tty->pgrp, SIGWINCH);
    tty->size = size;
    return 0;
}

static int insert(struct tty *tty, uint32_t from)
{
    char c;

    if (copy_in(&c, from, 1))
        return -EFAULT;
    tty_input(tty, c);
    return 0;
}

int tty_ioctl(struct proc *p, struct file *file, uint32_t request, uint32_t arg)
{
    struct tty *tty = file->tty;
    uint32_t word;
    int error;

    if (!tty) /* hung up */
        return request == TIOCSPGRP ? -ENOTTY : -EIO;
    switch (request) {
    case TCGETS:
        return copy_out(arg, &tty->termios, TERMIOS_LEN);
    case TCSETS:
    case TCSETSW:
    case TCSETSF:
        return change_termios(p, file, request, arg);
    case TCSBRK:
    case TCSBRKP:
    case TCXONC:
    case TCFLSH:
        error = tty_job(p, file, SIGTTOU);
        if (error)
            return error;
        if (request == TCXONC)
            return flow(tty, arg);
        if (request == TCFLSH)
            return flush(tty, arg);
        return drained(p, tty) ? 0 : BLOCKED;
    case TIOCSCTTY:
        return tty_take(p, tty, arg == 1);
    case TIOCNOTTY:
        return tty_give_up(p, tty);
    case TIOCGPGRP:
        return p->tty == tty ? copy_out(arg, &tty->pgrp, sizeof tty->pgrp) : -ENOTTY;
    case TIOCSPGRP:
        return copy_in(&word, arg, sizeof word) ? -EFAULT : tty_set_foreground(p, file, word);
    case TIOCGSID:
        return p->tty == tty ? copy_out(arg, &tty->sid, sizeof tty->sid) : -ENOTTY;
    case TIOCGWINSZ:
        return copy_out(arg, &tty->size, sizeof tty->size);
    case TIOCSWINSZ:
        return set_size(tty, arg);
    case TIOCOUTQ:
        return copy_out(arg, &tty->out_len, sizeof tty->out_len);
    case FIONREAD:
        word = tty_readable(tty);
        return copy_out(arg, &word, sizeof word);
    case TIOCSTI:
        return insert(tty, arg);
    default:
        return -ENOTTY;
    }
}
