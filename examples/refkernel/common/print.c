/* The kernel's own words: on the console, or until COMMIT in the switchover card's log; and texts for
   programs to read. */
#include <stdarg.h>
#include "kernel.h"

bool quiet;

static struct text *into; /* or none: the console */
static bool panicking;

static void put(char c)
{
    if (into) {
        if (into->len < into->room)
            into->at[into->len++] = c;
        return;
    }
    if (before_commit || panicking)
        sc_log(c);
    if (!before_commit)
        console_putc(c);
}

static void put_number(uint32_t value, uint32_t base, int width, char fill)
{
    char digits[12];
    int n = 0;

    do {
        digits[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (width-- > n)
        put(fill);
    while (n)
        put(digits[--n]);
}

/* %s %c %u %d %x with width and 0; on the console a newline becomes CR LF. */
static void vprint(const char *format, va_list args)
{
    for (; *format; format++) {
        char fill = ' ';
        int width = 0;

        if (*format == '\n' && !into)
            put('\r');
        if (*format != '%') {
            put(*format);
            continue;
        }
        if (*++format == '0')
            fill = *format++;
        while (*format >= '0' && *format <= '9')
            width = width * 10 + *format++ - '0';
        if (*format == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++)
                put(*s);
        } else if (*format == 'c') {
            put((char)va_arg(args, int));
        } else if (*format == 'd') {
            int value = va_arg(args, int);
            if (value < 0)
                put('-');
            put_number(value < 0 ? 0u - (uint32_t)value : (uint32_t)value, 10, width, fill);
        } else {
            put_number(va_arg(args, uint32_t), *format == 'x' ? 16 : 10, width, fill);
        }
    }
}

void print(const char *format, ...)
{
    va_list args;

    if (quiet)
        return;
    va_start(args, format);
    vprint(format, args);
    va_end(args);
}

/* Appends to a text; what does not fit is lost. */
void format(struct text *text, const char *format, ...)
{
    va_list args;

    into = text;
    va_start(args, format);
    vprint(format, args);
    va_end(args);
    into = 0;
}

/* Debug-exit port: a byte written there ends the machine. Without one the CPU halts. */
void machine_exit(uint8_t status)
{
    if (!before_commit) /* until then the UART sends nothing */
        uart_drain();
    outb(0xF4, status);
    halt_forever();
    __builtin_unreachable();
}

/* On the console and in the switchover card's log: what has happened, and how we came there. */
void panic(const char *format, ...)
{
    va_list args;

    cli();
    if (panicking)
        machine_exit(0x70);
    panicking = true;
    quiet = false;
    into = 0;
    record(SC_ACK_ERROR, SC_REASON_PANIC, (uint32_t)__builtin_return_address(0));
    print("\npanic: ");
    va_start(args, format);
    vprint(format, args);
    va_end(args);
    print("\n");
    backtrace();
    if (before_commit)
        sc_ack(SC_ACK_ERROR, SC_REASON_PANIC, switchover_txn);
    machine_exit(0x70);
}
