/* Terminals: which there are, and what becomes of a byte on its way out (OPOST). While output is
   stopped by ^S, what fits waits in the terminal, and whoever has more waits outside. */
#include "kernel.h"

static struct tty ttys[TTYS];
struct tty *console; /* where the kernel prints, and what /dev/console is */

static const struct abi_termios usual = {
    ICRNL | IXON, OPOST | ONLCR, B115200 | CS8 | CREAD | HUPCL | CLOCAL,
    ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN, 0,
    { 3, 0x1C, 0x7F, 0x15, 4, 0, 1, 0, 0x11, 0x13, 0x1A, 0, 0x12, 0x0F, 0x17, 0x16, 0 },
};

void tty_init(uint32_t number, uint32_t rdev, void (*putc)(char c), void (*settle)(void))
{
    struct tty *tty = &ttys[number - 1];

    tty->number = number;
    tty->rdev = rdev;
    tty->putc = putc;
    tty->settle = settle;
    tty->termios = usual;
    tty->size = (struct abi_winsize){ 25, 80, 0, 0 };
}

/* Those whose hardware is there. */
void ttys_init(bool cold)
{
    tty_init(TTY_SERIAL, TTYS0, uart_putc, 0);
    if (vga_init(cold)) {
        tty_init(TTY_VGA, TTY1, screen_putc, screen_settle);
        kbd_init(cold);
        if (cold)
            vga_blank(0, 0, VGA_COLS - 1, VGA_ROWS - 1, screen_state()->here.attr);
    }
    console = tty_find(TTY_SERIAL);
}

void ttys_unmask(void)
{
    pic_unmask(4);
    if (tty_find(TTY_VGA))
        pic_unmask(1);
}

/* The last console= of the command line that is there; else the serial port. */
void console_choose(const char *cmdline)
{
    static const struct { const char *option; uint32_t number; } options[] = {
        { "console=ttyS0", TTY_SERIAL }, { "console=tty0", TTY_VGA }, { "console=tty1", TTY_VGA },
    };

    for (; *cmdline && strncmp(cmdline, "init=", 5); cmdline++)
        for (uint32_t i = 0; i < sizeof options / sizeof *options; i++)
            if (!strncmp(cmdline, options[i].option, strlen(options[i].option))
                && tty_find(options[i].number))
                console = tty_find(options[i].number);
}

/* Its number is that of the map; 0 when there is no such terminal. */
struct tty *tty_find(uint32_t number)
{
    return number >= 1 && number <= TTYS && ttys[number - 1].putc ? &ttys[number - 1] : 0;
}

/* Straight to the device, or behind what waits; false when there is no room for it. */
static bool emit(struct tty *tty, char c)
{
    if (!tty->stopped) {
        tty->putc(c);
        return true;
    }
    if (tty->out_len == TTY_OUT)
        return false;
    tty->out[tty->out_len++] = c;
    return true;
}

/* A byte as OPOST has it; false, and nothing done, when it has to wait. */
bool tty_output(struct tty *tty, char c)
{
    uint32_t flags = tty->termios.oflag, spaces = 8 - tty->column % 8;

    if (tty->stopped && tty->out_len + 8 > TTY_OUT) /* the longest thing a byte becomes */
        return false;
    if (!(flags & OPOST))
        return emit(tty, c);
    switch (c) {
    case '\n':
        if (flags & (ONLRET | ONLCR))
            tty->column = 0;
        if (flags & ONLCR)
            emit(tty, '\r');
        tty->line_column = tty->column;
        return emit(tty, '\n');
    case '\r':
        if ((flags & ONOCR) && !tty->column)
            return true;
        if (flags & OCRNL)
            c = '\n';
        if (!(flags & OCRNL) || (flags & ONLRET))
            tty->column = tty->line_column = 0;
        return emit(tty, c);
    case '\t':
        tty->column += spaces;
        if ((flags & TABDLY) != XTABS)
            return emit(tty, c);
        while (spaces--)
            emit(tty, ' ');
        return true;
    case '\b':
        if (tty->column)
            tty->column--;
        return emit(tty, c);
    default:
        if ((flags & OLCUC) && c >= 'a' && c <= 'z')
            c -= 'a' - 'A';
        /* neither control characters nor, of UTF-8, what continues a character */
        if ((uint8_t)c >= ' ' && c != 0x7F
            && !((tty->termios.iflag & IUTF8) && (c & 0xC0) == 0x80))
            tty->column++;
        return emit(tty, c);
    }
}

/* What has been written so far is all for now. */
void tty_settle(struct tty *tty)
{
    if (tty->settle)
        tty->settle();
}

/* Past OPOST: flow control sends its own bytes so. */
void tty_send(struct tty *tty, char c)
{
    tty->putc(c);
}

static void wake_writers(struct tty *tty)
{
    wake_all(SSM_WAIT_TTY_WRITE, tty->number);
    wake_all(SSM_WAIT_TTY_DRAIN, tty->number);
    poll_wake();
}

void tty_stop(struct tty *tty)
{
    tty->stopped = true;
}

/* What has waited goes out first. */
void tty_start(struct tty *tty)
{
    tty->stopped = false;
    for (uint32_t i = 0; i < tty->out_len; i++)
        tty->putc(tty->out[i]);
    tty->out_len = 0;
    tty_settle(tty);
    wake_writers(tty);
}

void tty_flush_output(struct tty *tty)
{
    tty->out_len = 0;
    wake_writers(tty);
}

void tty_flush_input(struct tty *tty)
{
    ttybuf_drop(&tty->in, ttybuf_len(&tty->in));
}

/* The kernel's own words: no program has a say in them. */
void console_putc(char c)
{
    if (!console)
        return;
    console->putc(c);
    if (c == '\n')
        tty_settle(console);
}
