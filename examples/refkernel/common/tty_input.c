/* What is typed: signals, flow control, editing of a line, echo. termios(3) has the rules, and
   where it leaves a choice this does as Linux does. */
#include "kernel.h"

static bool is_control(char c)
{
    return (uint8_t)c < ' ' || c == 0x7F;
}

static bool is_word(char c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') || c == '_';
}

static bool is(const struct tty *tty, int which, char c)
{
    return tty->termios.cc[which] && (uint8_t)c == tty->termios.cc[which];
}

/* As ^X when it is a control character and ECHOCTL is set. */
static void echo(struct tty *tty, char c)
{
    if ((tty->termios.lflag & ECHOCTL) && is_control(c) && c != '\t') {
        tty_output(tty, '^');
        c ^= 0x40;
    }
    tty_output(tty, c);
}

static void rub_out(struct tty *tty)
{
    for (const char *at = "\b \b"; *at; at++)
        tty_output(tty, *at);
}

/* Columns a byte took when it was echoed in that column. */
static uint32_t width(const struct tty *tty, char c, uint32_t column)
{
    if (c == '\t')
        return 8 - column % 8;
    if (is_control(c))
        return tty->termios.lflag & ECHOCTL ? 2 : 0;
    return !((tty->termios.iflag & IUTF8) && (c & 0xC0) == 0x80);
}

/* The last byte of the line, which is one at least, goes from the screen. */
static void rub_out_last(struct tty *tty)
{
    uint32_t len = ttybuf_len(&tty->in), at = len - ttybuf_edited(&tty->in);
    uint32_t column = tty->line_column, wide = 0;
    bool end;

    for (; at < len; at++) {
        char c = ttybuf_at(&tty->in, at, &end);
        wide = width(tty, c, column);
        column += wide;
        if (at == len - 1 && c == '\t') {
            while (wide--)
                tty_output(tty, '\b');
            return;
        }
    }
    while (wide--)
        rub_out(tty);
}

static char last_of(const struct tty *tty)
{
    bool end;
    return ttybuf_at(&tty->in, ttybuf_len(&tty->in) - 1, &end);
}

/* ERASE, WERASE and KILL. */
static void erase(struct tty *tty, char by)
{
    uint32_t flags = tty->termios.lflag;
    bool kill = is(tty, VKILL, by), word = is(tty, VWERASE, by), in_word = false;

    if (!ttybuf_edited(&tty->in))
        return;
    if (kill && (!(flags & ECHO) || !(flags & ECHOK) || !(flags & ECHOKE) || !(flags & ECHOE))) {
        while (ttybuf_unput(&tty->in))
            ;
        if (flags & ECHO)
            echo(tty, by);
        if ((flags & ECHO) && (flags & ECHOK))
            tty_output(tty, '\n');
        return;
    }
    while (ttybuf_edited(&tty->in)) {
        char c = last_of(tty);
        if (word && in_word && !is_word(c))
            return;
        in_word |= is_word(c);
        if ((flags & ECHO) && !kill && !word && !(flags & ECHOE))
            echo(tty, by);
        else if (flags & ECHO)
            rub_out_last(tty);
        ttybuf_unput(&tty->in);
        if (!kill && !word && !((tty->termios.iflag & IUTF8) && (c & 0xC0) == 0x80))
            return;
    }
}

static void reprint(struct tty *tty, char by)
{
    uint32_t len = ttybuf_len(&tty->in);
    bool end;

    echo(tty, by);
    tty_output(tty, '\n');
    for (uint32_t at = len - ttybuf_edited(&tty->in); at < len; at++)
        echo(tty, ttybuf_at(&tty->in, at, &end));
}

static void wake_readers(struct tty *tty)
{
    wake_all(SSM_WAIT_TTY_READ, tty->number);
    poll_wake();
}

/* Into the input. What does not fit is lost; the end of a line always fits. */
static void put(struct tty *tty, char c, bool ends_line)
{
    if (ttybuf_len(&tty->in) + !ends_line >= TTY_INPUT) {
        if (tty->termios.iflag & IMAXBEL)
            tty_output(tty, '\a');
        return;
    }
    ttybuf_put(&tty->in, c, ends_line);
    if (ends_line || !(tty->termios.lflag & ICANON))
        wake_readers(tty);
}

/* A signal to the foreground, in place of a byte. */
static void interrupt(struct tty *tty, char c, int signo)
{
    if (!(tty->termios.lflag & NOFLSH)) {
        tty_flush_output(tty);
        tty_flush_input(tty);
    }
    if (tty->pgrp)
        signal_group(tty->pgrp, signo);
    if ((tty->termios.iflag & IXON) && tty->stopped)
        tty_start(tty);
    if (tty->termios.lflag & ECHO)
        echo(tty, c);
}

/* A byte of the input itself. */
static void accept(struct tty *tty, char c)
{
    uint32_t flags = tty->termios.lflag;
    bool lines = flags & ICANON, extended = flags & IEXTEN;
    bool ends = lines && (c == '\n' || is(tty, VEOL, c) || (extended && is(tty, VEOL2, c)));

    if ((flags & ECHO) || (c == '\n' && lines && (flags & ECHONL))) {
        if (!ttybuf_edited(&tty->in))
            tty->line_column = tty->column;
        if (c == '\n')
            tty_output(tty, c);
        else
            echo(tty, c);
    }
    put(tty, c, ends);
}

static void input(struct tty *tty, char c)
{
    uint32_t iflag = tty->termios.iflag, lflag = tty->termios.lflag;
    bool lines = lflag & ICANON, extended = lflag & IEXTEN;

    if (iflag & ISTRIP)
        c &= 0x7F;
    if ((iflag & IUCLC) && extended && c >= 'A' && c <= 'Z')
        c |= 32;
    if (tty->literal) {
        tty->literal = false;
        if (lflag & ECHO) {
            if (!ttybuf_edited(&tty->in))
                tty->line_column = tty->column;
            echo(tty, c);
        }
        put(tty, c, false);
        return;
    }
    if ((iflag & IXON) && (is(tty, VSTART, c) || is(tty, VSTOP, c))) {
        bool start = is(tty, VSTART, c) && (!is(tty, VSTOP, c) || tty->stopped);
        start ? tty_start(tty) : tty_stop(tty);
        return;
    }
    if (lflag & ISIG) {
        int signo = is(tty, VINTR, c) ? SIGINT : is(tty, VQUIT, c) ? SIGQUIT
                    : is(tty, VSUSP, c) ? SIGTSTP : 0;
        if (signo) {
            interrupt(tty, c, signo);
            return;
        }
    }
    if (tty->stopped && (iflag & IXON) && (iflag & IXANY))
        tty_start(tty);
    if (c == '\r' && (iflag & IGNCR))
        return;
    if (c == '\r' && (iflag & ICRNL))
        c = '\n';
    else if (c == '\n' && (iflag & INLCR))
        c = '\r';
    if (!lines) {
        accept(tty, c);
    } else if (is(tty, VERASE, c) || is(tty, VKILL, c) || (extended && is(tty, VWERASE, c))) {
        erase(tty, c);
    } else if (extended && is(tty, VLNEXT, c)) {
        tty->literal = true;
        if ((lflag & ECHO) && (lflag & ECHOCTL)) {
            tty_output(tty, '^');
            tty_output(tty, '\b');
        }
    } else if (extended && (lflag & ECHO) && is(tty, VREPRINT, c)) {
        reprint(tty, c);
    } else if (is(tty, VEOF, c)) {
        put(tty, 0, true);
    } else {
        accept(tty, c);
    }
}

/* A byte from the device. */
void tty_input(struct tty *tty, char c)
{
    if (!tty)
        return;
    input(tty, c);
    tty_settle(tty);
}
