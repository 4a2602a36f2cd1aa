/* A terminal on the VGA's screen, as TERM=linux has it: the control characters and sequences of
   ECMA-48 and the VT102 that shells, editors and pagers use. */
#include "kernel.h"

enum { ESC = 27, DEL = 127, USUAL = 0x07, ARGS = 16, KEPT = SCREEN_HIDDEN | SCREEN_NO_WRAP };

static struct screen screen = { .here.attr = USUAL, .saved.attr = USUAL, .bottom = VGA_ROWS - 1 };
static struct place *const here = &screen.here;

struct screen *screen_state(void) { return &screen; }

/* Colours as they are shown: bold is bright, reverse swaps. */
static uint8_t shown(void)
{
    uint8_t attr = here->attr | (here->flags & SCREEN_BOLD ? 0x08 : 0);

    return here->flags & SCREEN_REVERSE ? (uint8_t)(attr << 4 | attr >> 4) & 0x7F : attr;
}

/* What is erased has the background, but is neither bright nor reversed. */
static uint8_t erased(void)
{
    return here->attr & 0x7F;
}

static void go(int x, int y)
{
    here->x = (uint8_t)MIN(MAX(x, 0), VGA_COLS - 1);
    here->y = (uint8_t)MIN(MAX(y, 0), VGA_ROWS - 1);
    here->flags &= (uint8_t)~SCREEN_WRAP;
}

static void line_feed(void)
{
    here->flags &= (uint8_t)~SCREEN_WRAP;
    if (here->y == screen.bottom)
        vga_scroll(screen.top, screen.bottom, 1, erased());
    else if (here->y < VGA_ROWS - 1)
        here->y++;
}

static void reverse_line_feed(void)
{
    here->flags &= (uint8_t)~SCREEN_WRAP;
    if (here->y == screen.top)
        vga_scroll(screen.top, screen.bottom, -1, erased());
    else if (here->y)
        here->y--;
}

static void write(char c)
{
    if (here->flags & SCREEN_WRAP) {
        here->x = 0;
        line_feed();
    }
    vga_put(here->x, here->y, c, shown());
    if (here->x < VGA_COLS - 1)
        here->x++;
    else if (!(here->flags & SCREEN_NO_WRAP))
        here->flags |= SCREEN_WRAP;
}

static void erase_screen(int what)
{
    if (what == 0)
        vga_blank(here->x, here->y, VGA_COLS - 1, VGA_ROWS - 1, erased());
    else if (what == 1)
        vga_blank(0, 0, here->x, here->y, erased());
    else
        vga_blank(0, 0, VGA_COLS - 1, VGA_ROWS - 1, erased());
}

static void erase_line(int what)
{
    vga_blank(what ? 0 : here->x, here->y, what == 1 ? here->x : VGA_COLS - 1u, here->y,
              erased());
}

static void colour(int number)
{
    static const uint8_t vga[8] = { 0, 4, 2, 6, 1, 5, 3, 7 }; /* ANSI's order is RGB, ours BGR */

    switch (number) {
    case 0:
        here->attr = USUAL;
        here->flags &= (uint8_t)~(SCREEN_REVERSE | SCREEN_BOLD);
        break;
    case 1: here->flags |= SCREEN_BOLD; break;
    case 7: here->flags |= SCREEN_REVERSE; break;
    case 22: here->flags &= (uint8_t)~SCREEN_BOLD; break;
    case 27: here->flags &= (uint8_t)~SCREEN_REVERSE; break;
    case 30 ... 37: here->attr = (uint8_t)((here->attr & 0xF0) | vga[number - 30]); break;
    case 39: here->attr = (uint8_t)((here->attr & 0xF0) | (USUAL & 0x0F)); break;
    case 40 ... 47: here->attr = (uint8_t)((here->attr & 0x0F) | vga[number - 40] << 4); break;
    case 49: here->attr = (uint8_t)((here->attr & 0x0F) | (USUAL & 0xF0)); break;
    case 90 ... 97: here->attr = (uint8_t)((here->attr & 0xF0) | 8 | vga[number - 90]); break;
    case 100 ... 107: here->attr = (uint8_t)((here->attr & 0x0F) | vga[number - 100] << 4); break;
    }
}

/* SGR. Colours of palettes the VGA has not (38 and 48, with 5 and one number or 2 and three) are
   passed over. */
static void colours(const int *numbers, int n)
{
    for (int i = 0; i < n; i++)
        if ((numbers[i] == 38 || numbers[i] == 48) && i + 1 < n)
            i += numbers[i + 1] == 2 ? 4 : 2;
        else
            colour(numbers[i]);
}

/* The modes are not part of what is saved. */
static void go_back(void)
{
    uint8_t modes = here->flags & KEPT;

    *here = screen.saved;
    here->flags = (uint8_t)((here->flags & ~KEPT) | modes);
}

static void answer(const char *format_, int a, int b)
{
    char at[16];
    struct text text = { at, 0, sizeof at };

    format(&text, format_, a, b);
    for (uint32_t i = 0; i < text.len; i++)
        tty_input(tty_find(TTY_VGA), at[i]);
}

static void private_mode(int number, bool on)
{
    uint8_t bit = number == 25 ? SCREEN_HIDDEN : number == 7 ? SCREEN_NO_WRAP : 0;

    here->flags = (uint8_t)(on ? here->flags & ~bit : here->flags | bit);
}

/* ESC [ arguments and a final byte, which is behind them. */
static void control_sequence(char final, const char *end)
{
    int arg[ARGS] = { 0 }, n = 0, first, lines;
    const char *at = screen.escape + 2;
    bool private = *at == '?';

    for (at += private; at < end; at++)
        if (*at >= '0' && *at <= '9')
            arg[n] = MIN(arg[n] * 10 + *at - '0', 9999);
        else if (*at == ';' && n < ARGS - 1)
            n++;
    n++;
    first = MAX(arg[0], 1);
    lines = here->y >= screen.top && here->y <= screen.bottom ? first : 0;
    if (private) {
        for (int i = 0; i < n && (final == 'h' || final == 'l'); i++)
            private_mode(arg[i], final == 'h');
        return;
    }
    switch (final) {
    case 'A': go(here->x, here->y - first); break;
    case 'B': case 'e': go(here->x, here->y + first); break;
    case 'C': case 'a': go(here->x + first, here->y); break;
    case 'D': go(here->x - first, here->y); break;
    case 'E': go(0, here->y + first); break;
    case 'F': go(0, here->y - first); break;
    case 'G': case '`': go(first - 1, here->y); break;
    case 'd': go(here->x, first - 1); break;
    case 'H': case 'f': go(MAX(arg[1], 1) - 1, first - 1); break;
    case 'J': erase_screen(arg[0]); break;
    case 'K': erase_line(arg[0]); break;
    case 'L': if (lines) vga_scroll(here->y, screen.bottom, -lines, erased()); break;
    case 'M': if (lines) vga_scroll(here->y, screen.bottom, lines, erased()); break;
    case 'P': vga_shift_row(here->x, here->y, -first, erased()); break;
    case '@': vga_shift_row(here->x, here->y, first, erased()); break;
    case 'X':
        vga_blank(here->x, here->y, MIN(here->x + (uint32_t)first, VGA_COLS) - 1, here->y,
                  erased());
        break;
    case 'm': colours(arg, n); break;
    case 'r':
        lines = arg[1] ? MIN(arg[1], VGA_ROWS) : VGA_ROWS;
        if (first < lines) {
            screen.top = (uint8_t)(first - 1), screen.bottom = (uint8_t)(lines - 1);
            go(0, 0);
        }
        break;
    case 's': screen.saved = *here; break;
    case 'u': go_back(); break;
    case 'n':
        if (arg[0] == 6)
            answer("\033[%u;%uR", here->y + 1, here->x + 1);
        else if (arg[0] == 5)
            answer("\033[0n", 0, 0);
        break;
    case 'c': if (!arg[0]) answer("\033[?6c", 0, 0); break;
    }
}

static void escape(char c)
{
    switch (c) {
    case '7': screen.saved = *here; break;
    case '8': go_back(); break;
    case 'D': line_feed(); break;
    case 'E': here->x = 0; line_feed(); break;
    case 'M': reverse_line_feed(); break;
    case 'c':
        screen.here = screen.saved = (struct place){ .attr = USUAL };
        screen.top = 0, screen.bottom = VGA_ROWS - 1;
        erase_screen(2);
        break;
    }
}

/* One more byte of a sequence; what is too long is forgotten. */
static void collect(char c)
{
    char kind = screen.escape_len > 1 ? screen.escape[1] : c;
    uint32_t len;

    if (screen.escape_len == ESCAPE_MAX) {
        screen.escape_len = 0;
        return;
    }
    screen.escape[screen.escape_len++] = c;
    if (kind == '[' && (screen.escape_len == 2 || c < '@'))
        return;
    if ((kind == '(' || kind == ')' || kind == '#' || kind == '%') && screen.escape_len < 3)
        return;
    len = screen.escape_len;
    screen.escape_len = 0; /* before an answer is echoed */
    if (kind == '[')
        control_sequence(c, screen.escape + len - 1);
    else if (len == 2)
        escape(c);
}

void screen_putc(char c)
{
    switch (c) {
    case ESC:
        screen.escape[0] = c;
        screen.escape_len = 1;
        return;
    case '\r': go(0, here->y); return;
    case '\n': case '\v': case '\f': line_feed(); return;
    case '\b': go(here->x - 1, here->y); return;
    case '\t': go((here->x | 7) + 1, here->y); return;
    case '\a': return; /* there is no speaker */
    case 0x18: case 0x1A: screen.escape_len = 0; return;
    }
    if (screen.escape_len)
        collect(c);
    else if ((uint8_t)c >= ' ' && c != DEL)
        write(c);
}

/* The cursor follows when all has been written. */
void screen_settle(void)
{
    vga_cursor(here->x, here->y, here->flags & SCREEN_HIDDEN);
}
