/* VGA text mode 3: CRTC ports 0x3D4-0x3D5, memory 0xB8000-0xBFFFF (IBM VGA, "Video Subsystem").
   The screen is a window on that memory; scrolling moves the window on. */
#include "kernel.h"

enum {
    INDEX = 0x3D4, DATA = 0x3D5,
    START_HIGH = 0x0C, START_LOW = 0x0D,   /* cell in the upper left corner */
    CURSOR_START = 0x0A, CURSOR_OFF = 0x20,
    CURSOR_HIGH = 0x0E, CURSOR_LOW = 0x0F,
    MEMORY = 0xB8000, CELLS = 0x4000,
};

static uint32_t start;

static uint8_t get(uint8_t reg)
{
    outb(INDEX, reg);
    return inb(DATA);
}

static void set(uint8_t reg, uint32_t value)
{
    outb(INDEX, reg);
    outb(DATA, (uint8_t)value);
}

/* A register that keeps what is written to it is there; nothing is changed for good. */
static bool is_present(void)
{
    uint8_t old = get(CURSOR_LOW);
    bool there;

    set(CURSOR_LOW, 0x55);
    there = get(CURSOR_LOW) == 0x55;
    set(CURSOR_LOW, 0xAA);
    there &= get(CURSOR_LOW) == 0xAA;
    set(CURSOR_LOW, old);
    return there;
}

static volatile uint16_t *cell(uint32_t x, uint32_t y)
{
    return (volatile uint16_t *)P2V(MEMORY) + start + y * VGA_COLS + x;
}

static void set_start(uint32_t to)
{
    start = to;
    set(START_HIGH, start >> 8);
    set(START_LOW, start);
}

/* Where the window is the card knows, over a switchover too. */
bool vga_init(bool cold)
{
    if (!is_present())
        return false;
    if (cold)
        set_start(0);
    else
        start = (uint32_t)get(START_HIGH) << 8 | get(START_LOW);
    return true;
}

void vga_put(uint32_t x, uint32_t y, char c, uint8_t attr)
{
    *cell(x, y) = (uint16_t)((uint8_t)c | attr << 8);
}

/* The cells from one place to another, inclusive, in reading order. */
void vga_blank(uint32_t x, uint32_t y, uint32_t end_x, uint32_t end_y, uint8_t attr)
{
    for (volatile uint16_t *at = cell(x, y); at <= cell(end_x, end_y); at++)
        *at = (uint16_t)(' ' | attr << 8);
}

/* Part of a row to the right (n > 0) or to the left; what comes in is blank. */
void vga_shift_row(uint32_t x, uint32_t y, int n, uint8_t attr)
{
    uint32_t by = MIN((uint32_t)(n < 0 ? -n : n), VGA_COLS - x);

    for (uint32_t i = 0; i < VGA_COLS - x - by; i++) {
        if (n < 0)
            *cell(x + i, y) = *cell(x + i + by, y);
        else
            *cell(VGA_COLS - 1 - i, y) = *cell(VGA_COLS - 1 - i - by, y);
    }
    if (n < 0)
        vga_blank(VGA_COLS - by, y, VGA_COLS - 1, y, attr);
    else
        vga_blank(x, y, x + by - 1, y, attr);
}

/* The whole screen one row up: the window goes on, and back to the beginning at the end. */
static void scroll_all(uint8_t attr)
{
    if (start + VGA_COLS * (VGA_ROWS + 1) > CELLS) {
        volatile uint16_t *from = cell(0, 1);
        set_start(0);
        for (uint32_t i = 0; i < VGA_COLS * (VGA_ROWS - 1); i++)
            *cell(i, 0) = from[i];
    } else {
        set_start(start + VGA_COLS);
    }
    vga_blank(0, VGA_ROWS - 1, VGA_COLS - 1, VGA_ROWS - 1, attr);
}

/* Rows from top to bottom, inclusive, n up (n > 0) or down. */
void vga_scroll(uint32_t top, uint32_t bottom, int n, uint8_t attr)
{
    uint32_t rows = bottom - top + 1, by = MIN((uint32_t)(n < 0 ? -n : n), rows);
    uint32_t cells = (rows - by) * VGA_COLS;

    if (n == 1 && !top && bottom == VGA_ROWS - 1) {
        scroll_all(attr);
        return;
    }
    for (uint32_t i = 0; i < cells; i++) {
        if (n > 0)
            *(cell(0, top) + i) = *(cell(0, top + by) + i);
        else
            *(cell(0, bottom + 1) - 1 - i) = *(cell(0, bottom + 1 - by) - 1 - i);
    }
    if (n > 0)
        vga_blank(0, bottom + 1 - by, VGA_COLS - 1, bottom, attr);
    else
        vga_blank(0, top, VGA_COLS - 1, top + by - 1, attr);
}

void vga_cursor(uint32_t x, uint32_t y, bool hidden)
{
    uint32_t at = start + y * VGA_COLS + x;
    uint8_t shape = get(CURSOR_START);

    set(CURSOR_HIGH, at >> 8);
    set(CURSOR_LOW, at);
    if (!(shape & CURSOR_OFF) != !hidden)
        set(CURSOR_START, shape ^ CURSOR_OFF);
}
