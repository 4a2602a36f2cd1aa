/* The part of the Save State Map that is about terminals: TTY, and SYSTEM. */
#include "kernel.h"
#include "map.h"

uint32_t save_ttys_size(void)
{
    uint32_t len = sizeof(struct ssm_system) + 2 * sizeof kernel_cmdline;

    for (uint32_t n = 1; n <= TTYS; n++)
        if (tty_find(n))
            len += sizeof(struct ssm_tty) + 4 * ttybuf_len(&tty_find(n)->in) + 2 * TTY_OUT
                   + 2 * ESCAPE_MAX;
    return len;
}

/* Finished lines, escaped as SSM_TTY has it; then the line being typed, as it is. */
static void save_input(const struct ttybuf *in, struct ssm_tty *to)
{
    static uint8_t bytes[2 * TTY_INPUT];
    uint32_t finished = ttybuf_len(in) - ttybuf_edited(in), len = 0;
    bool end;

    for (uint32_t at = 0; at < finished; at++) {
        uint8_t c = (uint8_t)ttybuf_at(in, at, &end);
        if (end && !c) {
            bytes[len++] = 0xFF, bytes[len++] = 0x00;
            continue;
        }
        if (c == 0xFF || (c == '\n' && !end))
            bytes[len++] = 0xFF;
        bytes[len++] = c == '\n' && !end ? 0x02 : c;
        if (end && c != '\n')
            bytes[len++] = 0xFF, bytes[len++] = 0x01;
    }
    to->in_len = len;
    to->in_off = text_put(bytes, len);
    for (len = 0; len < ttybuf_edited(in); len++)
        bytes[len] = (uint8_t)ttybuf_at(in, finished + len, &end);
    to->edit_len = len;
    to->edit_off = text_put(bytes, len);
}

static void save_screen(struct ssm_tty *to)
{
    const struct screen *screen = screen_state();

    to->cursor_x = screen->here.x, to->cursor_y = screen->here.y;
    to->attr = screen->here.attr, to->screen = screen->here.flags;
    to->saved_x = screen->saved.x, to->saved_y = screen->saved.y;
    to->saved_attr = screen->saved.attr, to->saved_screen = screen->saved.flags;
    to->top = screen->top, to->bottom = screen->bottom;
    to->escape_len = screen->escape_len;
    to->escape_off = text_put(screen->escape, screen->escape_len);
    to->keys = kbd_held();
}

void save_ttys(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_TTY);
    for (uint32_t n = 1; n <= TTYS; n++) {
        struct tty *tty = tty_find(n);
        struct ssm_tty *to = tty ? ssm_append(out) : 0;
        if (!to)
            continue;
        to->tty = n;
        to->iflag = tty->termios.iflag, to->oflag = tty->termios.oflag;
        to->cflag = tty->termios.cflag, to->lflag = tty->termios.lflag;
        to->line = tty->termios.line;
        memcpy(to->cc, tty->termios.cc, NCCS);
        to->rows = tty->size.rows, to->cols = tty->size.cols;
        to->sid = tty->sid, to->pgrp = tty->pgrp;
        to->flags = (tty->stopped ? SSM_TTY_STOPPED : 0) | (tty->literal ? SSM_TTY_LITERAL_NEXT : 0);
        to->column = tty->column, to->line_column = tty->line_column;
        to->out_len = tty->out_len;
        to->out_off = text_put(tty->out, tty->out_len);
        save_input(&tty->in, to);
        if (n == TTY_VGA)
            save_screen(to);
    }
    ssm_end_section(out);
}

void save_system(struct ssm_writer *out)
{
    struct ssm_system *to;

    ssm_begin_section(out, SSM_SYSTEM);
    to = ssm_append(out);
    if (to) {
        to->console = console->number;
        to->cmdline_len = strlen(kernel_cmdline);
        to->cmdline_off = text_put(kernel_cmdline, to->cmdline_len);
    }
    ssm_end_section(out);
}
