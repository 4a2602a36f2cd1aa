/* Controlling terminals: which session a terminal belongs to, who is in its foreground, and what
   those in the background may do. */
#include "calls.h"

static bool is_leader(const struct proc *p)
{
    return p->sid == p->pid;
}

static bool is_deaf(struct proc *p, int signo)
{
    struct sigact act;

    return (p->sig_mask >> (signo - 1) & 1)
           || (sig_action(p, signo, &act) && act.handler == SIG_IGN);
}

/* 0 when p may read (SIGTTIN) or change (SIGTTOU) the terminal. From the background, its group is
   stopped instead, and the call is run again. /dev/console controls nobody. */
int tty_job(struct proc *p, const struct file *file, int signo)
{
    struct tty *tty = file->tty;

    if (p->tty != tty || !tty->pgrp || tty->pgrp == p->pgrp || file->inode->rdev == CONSOLE)
        return 0;
    if (is_deaf(p, signo))
        return signo == SIGTTIN ? -EIO : 0;
    if (group_is_orphaned(p->pgrp, 0))
        return -EIO;
    signal_group(p->pgrp, signo);
    return BLOCKED;
}

/* p, which leads a session without a terminal, gets this one; others share what they have. */
static void acquire(struct proc *p, struct tty *tty)
{
    tty->sid = p->sid;
    tty->pgrp = p->pgrp;
    p->tty = tty;
}

static void clear(struct tty *tty)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->tty == tty)
            p->tty = 0;
    tty->sid = tty->pgrp = 0;
}

/* Without O_NOCTTY. */
void tty_opened(struct proc *p, struct file *file)
{
    struct tty *tty = file->tty;

    if (file->inode->rdev != CONSOLE
        && (file->flags & O_ACCMODE) != O_WRONLY && is_leader(p) && !p->tty && !tty->sid)
        acquire(p, tty);
}

/* The leader of a session ends: its terminal hangs up, for all that have it open. */
void tty_leader_exits(struct proc *p)
{
    struct tty *tty = p->tty;
    uint32_t pgrp = tty ? tty->pgrp : 0;

    if (!tty || !is_leader(p))
        return;
    clear(tty);
    if (pgrp)
        signal_group(pgrp, SIGHUP), signal_group(pgrp, SIGCONT);
    for (struct file *file = file_first(); file; file = file_after(file))
        if (file->kind == SSM_FILE_TTY && file->tty == tty && file->inode->rdev != CONSOLE)
            file->tty = 0;
    tty->literal = false;
    tty_flush_input(tty);
    tty_start(tty);
    wake_all(SSM_WAIT_TTY_READ, tty->number);
    poll_wake();
}

/* TIOCNOTTY */
int tty_give_up(struct proc *p, struct tty *tty)
{
    uint32_t pgrp = tty->pgrp;

    if (p->tty != tty)
        return -ENOTTY;
    if (!is_leader(p)) {
        p->tty = 0;
        return 0;
    }
    clear(tty);
    if (pgrp)
        signal_group(pgrp, SIGHUP), signal_group(pgrp, SIGCONT);
    return 0;
}

/* TIOCSCTTY; `steal`: also from another session. */
int tty_take(struct proc *p, struct tty *tty, bool steal)
{
    if (is_leader(p) && tty->sid == p->sid)
        return 0;
    if (!is_leader(p) || p->tty || (tty->sid && !steal))
        return -EPERM;
    if (tty->sid)
        clear(tty);
    acquire(p, tty);
    return 0;
}

/* TIOCSPGRP; the group is one of p's session. */
int tty_set_foreground(struct proc *p, struct file *file, uint32_t pgrp)
{
    struct tty *tty = file->tty;
    struct proc *member = proc_first();
    int error = tty_job(p, file, SIGTTOU);

    if (error)
        return error == -EIO ? -ENOTTY : error;
    if (p->tty != tty || tty->sid != p->sid)
        return -ENOTTY;
    if ((int)pgrp < 0)
        return -EINVAL;
    while (member && member->pgrp != pgrp)
        member = proc_after(member);
    if (!member)
        return -ESRCH;
    if (member->sid != p->sid)
        return -EPERM;
    tty->pgrp = pgrp;
    return 0;
}
