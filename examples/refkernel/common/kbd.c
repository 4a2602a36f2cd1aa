/* PS/2 keyboard behind the 8042: ports 0x60 and 0x64, IRQ 1, translated to scan code set 1. The
   layout is US; keys without a character send what TERM=linux says. */
#include "kernel.h"

enum {
    DATA = 0x60, STATUS = 0x64, COMMAND = STATUS,
    STATUS_OBF = 0x01, STATUS_IBF = 0x02, STATUS_AUX = 0x20,
    WRITE_COMMAND_BYTE = 0x60, ENABLE_KEYBOARD = 0xAE,
    COMMAND_BYTE = 0x65,   /* translate, mouse off, system flag, IRQ 1 */
    RELEASED = 0x80, EXTENDED = 0xE0,
    PATIENCE = 20000,
};

static const char plain[0x54] =
    "\0\0331234567890-=\177\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\000789-456+1230.";
static const char shifted[0x54] =
    "\0\033!@#$%^&*()_+\177\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 \0"
    "\0\0\0\0\0\0\0\0\0\0\0\000789-456+1230.";

static const struct { uint8_t code; const char *text; } keys[] = {
    { 0x48, "\033[A" }, { 0x50, "\033[B" }, { 0x4D, "\033[C" }, { 0x4B, "\033[D" },
    { 0x47, "\033[1~" }, { 0x4F, "\033[4~" }, { 0x49, "\033[5~" }, { 0x51, "\033[6~" },
    { 0x52, "\033[2~" }, { 0x53, "\033[3~" }, { 0x1C, "\r" }, { 0x35, "/" },
};
static const char *const functions[] = {
    "\033[[A", "\033[[B", "\033[[C", "\033[[D", "\033[[E", "\033[17~", "\033[18~", "\033[19~",
    "\033[20~", "\033[21~",
};
static const char *const later_functions[] = { "\033[23~", "\033[24~" };

static uint32_t held; /* KBD_... */
static bool present;

uint32_t kbd_held(void) { return held; }
void kbd_hold(uint32_t flags) { held = flags; }

static void command(uint16_t port, uint8_t value)
{
    for (int tries = 0; tries < PATIENCE && (inb(STATUS) & STATUS_IBF); tries++)
        ;
    outb(port, value);
}

/* At a switchover what it holds back is for the programs; kbd_irq() fetches it after COMMIT. */
bool kbd_init(bool cold)
{
    present = inb(STATUS) != 0xFF; /* nobody drives the bus */
    if (!present || !cold)
        return present;
    for (int tries = 0; tries < 16 && (inb(STATUS) & STATUS_OBF); tries++)
        inb(DATA);
    command(COMMAND, ENABLE_KEYBOARD);
    command(COMMAND, WRITE_COMMAND_BYTE);
    command(DATA, COMMAND_BYTE);
    return true;
}

static void type(const char *text)
{
    while (*text)
        tty_input(tty_find(TTY_VGA), *text++);
}

static uint32_t modifier_of(uint8_t code, bool extended)
{
    switch (code) {
    case 0x2A: return extended ? 0 : KBD_LEFT_SHIFT;
    case 0x36: return extended ? 0 : KBD_RIGHT_SHIFT;
    case 0x1D: return extended ? KBD_RIGHT_CTRL : KBD_LEFT_CTRL;
    case 0x38: return extended ? KBD_RIGHT_ALT : KBD_LEFT_ALT;
    default: return 0;
    }
}

static void press(uint8_t code, bool extended)
{
    bool shift = held & (KBD_LEFT_SHIFT | KBD_RIGHT_SHIFT);
    bool ctrl = held & (KBD_LEFT_CTRL | KBD_RIGHT_CTRL);
    char text[3] = { 0 };

    for (uint32_t i = 0; extended && i < sizeof keys / sizeof *keys; i++)
        if (keys[i].code == code)
            type(keys[i].text);
    if (extended)
        return;
    if (code >= 0x3B && code < 0x3B + 10)
        type(functions[code - 0x3B]);
    if (code == 0x57 || code == 0x58)
        type(later_functions[code - 0x57]);
    if (code == 0x3A)
        held ^= KBD_CAPS;
    if (code >= sizeof plain || !plain[code])
        return;
    text[0] = plain[code];
    if (text[0] >= 'a' && text[0] <= 'z')
        shift ^= (held & KBD_CAPS) != 0;
    if (shift)
        text[0] = shifted[code];
    if (ctrl && ((text[0] >= '@' && text[0] < 0x7F) || text[0] == ' '))
        text[0] &= 0x1F;
    if (held & (KBD_LEFT_ALT | KBD_RIGHT_ALT)) {
        text[1] = text[0];
        text[0] = '\033';
    }
    if (!text[0]) /* ^@ */
        tty_input(tty_find(TTY_VGA), 0);
    type(text);
}

static void take(uint8_t code)
{
    bool extended = held & KBD_EXTENDED;
    uint32_t modifier;

    held &= ~(uint32_t)KBD_EXTENDED;
    if (code == EXTENDED) {
        held |= KBD_EXTENDED;
        return;
    }
    modifier = modifier_of(code & ~RELEASED, extended);
    if (code & RELEASED)
        held &= ~modifier;
    else if (modifier)
        held |= modifier;
    else
        press(code, extended);
}

void kbd_irq(void)
{
    uint8_t status;

    while (present && ((status = inb(STATUS)) & STATUS_OBF)) {
        uint8_t code = inb(DATA);
        if (!(status & STATUS_AUX))
            take(code);
    }
}
