/* Takes over what the Save State Map says of terminals: TTY, and SYSTEM. */
#include "kernel.h"
#include "map.h"

/* The other way than save_input(). */
static void restore_input(struct ttybuf *in, const uint8_t *from, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        uint8_t c = from[i];
        bool end = c == '\n';
        if (c == 0xFF && i + 1 < len) {
            c = from[++i];
            end = c == 0x00;
            c = c == 0x02 ? '\n' : c;
        }
        if (i + 2 < len && from[i + 1] == 0xFF && from[i + 2] == 0x01) {
            end = true;
            i += 2;
        }
        if (ttybuf_len(in) < TTY_INPUT)
            ttybuf_put(in, (char)c, end);
    }
}

static void restore_screen(const void *map, const struct ssm_tty *from)
{
    struct screen *screen = screen_state();
    const uint8_t *escape = ssm_blob(map, from->escape_off, from->escape_len);

    must(from->cursor_x < VGA_COLS && from->cursor_y < VGA_ROWS && from->saved_x < VGA_COLS
         && from->saved_y < VGA_ROWS && from->top < from->bottom && from->bottom < VGA_ROWS
         && from->escape_len <= ESCAPE_MAX && (escape || !from->escape_len)
         && (from->attr | from->screen | from->saved_attr | from->saved_screen | from->keys) <= 0xFF,
         SC_REASON_UNSUPPORTED, from->tty);
    screen->here = (struct place){ .x = (uint8_t)from->cursor_x, .y = (uint8_t)from->cursor_y,
                                   .attr = (uint8_t)from->attr,
                                   .flags = (uint8_t)from->screen };
    screen->saved = (struct place){ .x = (uint8_t)from->saved_x, .y = (uint8_t)from->saved_y,
                                    .attr = (uint8_t)from->saved_attr,
                                    .flags = (uint8_t)from->saved_screen };
    screen->top = (uint8_t)from->top, screen->bottom = (uint8_t)from->bottom;
    screen->escape_len = (uint8_t)from->escape_len;
    memcpy(screen->escape, escape, from->escape_len);
    kbd_hold(from->keys);
}

static bool has_screen(const struct ssm_tty *from)
{
    return from->cursor_x | from->cursor_y | from->attr | from->screen | from->saved_x
           | from->saved_y | from->saved_attr | from->saved_screen | from->top | from->bottom
           | from->escape_len | from->keys;
}

void restore_ttys(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_TTY);
    struct ssm_tty from;

    while (ssm_next(&at, &from, sizeof from)) {
        struct tty *tty = tty_find(from.tty);
        const uint8_t *in = ssm_blob(map, from.in_off, from.in_len);
        const uint8_t *edit = ssm_blob(map, from.edit_off, from.edit_len);
        const uint8_t *out = ssm_blob(map, from.out_off, from.out_len);
        must(tty && from.out_len <= TTY_OUT && from.edit_len <= TTY_INPUT, SC_REASON_UNSUPPORTED,
             from.tty);
        must(from.rows <= 0xFFFF && from.cols <= 0xFFFF && from.line <= 0xFF
             && !(from.flags & ~(uint32_t)(SSM_TTY_STOPPED | SSM_TTY_LITERAL_NEXT))
             && (from.tty == TTY_VGA || !has_screen(&from)), SC_REASON_UNSUPPORTED, from.tty);
        must((in || !from.in_len) && (edit || !from.edit_len) && (out || !from.out_len),
             SC_REASON_BAD_MAP, from.tty);
        tty->termios = (struct abi_termios){ from.iflag, from.oflag, from.cflag, from.lflag,
                                             (uint8_t)from.line, { 0 } };
        memcpy(tty->termios.cc, from.cc, NCCS);
        tty->size = (struct abi_winsize){ (uint16_t)from.rows, (uint16_t)from.cols, 0, 0 };
        tty->sid = from.sid, tty->pgrp = from.pgrp;
        tty->stopped = from.flags & SSM_TTY_STOPPED;
        tty->literal = from.flags & SSM_TTY_LITERAL_NEXT;
        tty->column = from.column, tty->line_column = from.line_column;
        memcpy(tty->out, out, from.out_len);
        tty->out_len = from.out_len;
        restore_input(&tty->in, in, from.in_len);
        must(ttybuf_len(&tty->in) + from.edit_len <= TTY_INPUT, SC_REASON_UNSUPPORTED, from.tty);
        for (uint32_t i = 0; i < from.edit_len; i++)
            ttybuf_put(&tty->in, (char)edit[i], false);
        if (from.tty == TTY_VGA)
            restore_screen(map, &from);
    }
}

/* Before anything is restored that names the console. */
void restore_system(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_SYSTEM);
    struct ssm_system from;

    while (ssm_next(&at, &from, sizeof from)) {
        const uint8_t *text = ssm_blob(map, from.cmdline_off, from.cmdline_len);
        must(tty_find(from.console), SC_REASON_UNSUPPORTED, from.console);
        console = tty_find(from.console);
        if (text && from.cmdline_len < sizeof kernel_cmdline)
            memcpy(kernel_cmdline, text, from.cmdline_len);
    }
}
