#include "lib.h"

static char **words; /* argv */
static u32 checks;
static int child; /* a fork of the program: only the parent prints the final line */

void begin(int *stack);

/* ---- text ----------------------------------------------------------------------------------- */

u32 length(const char *text)
{
    u32 n = 0;
    while (text[n])
        n++;
    return n;
}

int same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static u32 put_number(char *to, u32 value, u32 base)
{
    char reversed[10];
    u32 n = 0, i;
    do
        reversed[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) != 0);
    for (i = 0; i < n; i++)
        to[i] = reversed[n - 1 - i];
    return n;
}

static u32 vformat(char *text, u32 size, const char *form, __builtin_va_list values)
{
    u32 used = 0, n, width, i;
    char digits[12];
    const char *from;

    for (; *form; form++) {
        from = form;
        n = 1;
        width = 0;
        if (*form == '%') {
            while (*++form >= '0' && *form <= '9')
                width = width * 10 + (u32)(*form - '0');
            from = digits;
            if (*form == 's') {
                from = __builtin_va_arg(values, const char *);
                n = length(from);
            } else if (*form == 'c') {
                digits[0] = (char)__builtin_va_arg(values, int);
            } else if (*form == 'd') {
                s32 value = __builtin_va_arg(values, s32);
                digits[0] = '-';
                n = value < 0 ? 1 + put_number(digits + 1, 0u - (u32)value, 10)
                              : put_number(digits, (u32)value, 10);
            } else {
                n = put_number(digits, __builtin_va_arg(values, u32), *form == 'x' ? 16 : 10);
            }
        }
        for (; width > n && used + 1 < size; width--)
            text[used++] = '0';
        for (i = 0; i < n && used + 1 < size; i++)
            text[used++] = from[i];
    }
    text[used] = 0;
    return used;
}

u32 format(char *text, u32 size, const char *form, ...)
{
    __builtin_va_list values;
    u32 n;
    __builtin_va_start(values, form);
    n = vformat(text, size, form, values);
    __builtin_va_end(values);
    return n;
}

void print(const char *form, ...)
{
    char line[160];
    __builtin_va_list values;
    __builtin_va_start(values, form);
    write_all(1, line, vformat(line, sizeof line, form, values));
    __builtin_va_end(values);
}

/* ---- memory --------------------------------------------------------------------------------- */

void *memcpy(void *to, const void *from, u32 size)
{
    void *d = to;
    __asm__ volatile("rep movsb" : "+D"(d), "+S"(from), "+c"(size) : : "memory");
    return to;
}

void *memset(void *to, int value, u32 size)
{
    void *d = to;
    __asm__ volatile("rep stosb" : "+D"(d), "+c"(size) : "a"(value) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, u32 size)
{
    const u8 *x = a, *y = b;
    for (; size; size--, x++, y++)
        if (*x != *y)
            return *x - *y;
    return 0;
}

u32 xorshift(u32 *state)
{
    u32 x = *state;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *state = x;
}

u32 crc32(u32 crc, const void *from, u32 size)
{
    static u32 table[256];
    const u8 *byte = from;
    u32 i, bit, value;

    if (!table[1])
        for (i = 0; i < 256; i++) {
            for (value = i, bit = 0; bit < 8; bit++)
                value = value >> 1 ^ (value & 1 ? 0xEDB88320 : 0);
            table[i] = value;
        }
    for (crc = ~crc; size; size--)
        crc = crc >> 8 ^ table[(crc ^ *byte++) & 0xFF];
    return ~crc;
}

/* ---- system calls that are repeated until done ---------------------------------------------- */

u32 write_all(int fd, const void *from, u32 size)
{
    u32 done = 0;
    int n;
    while (done < size) {
        n = write(fd, (const char *)from + done, size - done);
        if (n > 0)
            done += (u32)n;
        else if (n != -EINTR)
            break;
    }
    return done;
}

u32 read_all(int fd, void *to, u32 size)
{
    u32 done = 0;
    int n;
    while (done < size) {
        n = read(fd, (char *)to + done, size - done);
        if (n > 0)
            done += (u32)n;
        else if (n != -EINTR)
            break;
    }
    return done;
}

u64 nanoseconds(struct timespec time)
{
    return (u64)(u32)time.sec * SECOND + (u32)time.nsec;
}

u64 monotonic(void)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) != 0)
        check(0, "clock_gettime(CLOCK_MONOTONIC)");
    return nanoseconds(now);
}

void sleep_ms(u32 ms)
{
    struct timespec want = {(s32)(ms / 1000), (s32)(ms % 1000 * MS)};
    while (nanosleep(&want, &want) == -EINTR)
        ;
}

void on_signal(int signal, void (*handler)(int))
{
    on_signal_with(signal, (void *)handler, 0);
}

void on_signal_with(int signal, void *handler, u32 flags)
{
    struct sigaction action = {(void (*)(int))handler, flags | SA_RESTORER,
                               flags & SA_SIGINFO ? rt_sigrestore : sigrestore, {0, 0}};
    int result = sigaction(signal, &action);
    if (result != 0)
        check(0, "rt_sigaction of signal %d gives %d", signal, result);
}

/* ---- a program's life ----------------------------------------------------------------------- */

char *word(u32 n)
{
    char **each = words;
    while (*each && n--)
        each++;
    return *each;
}

u32 number(const char *digits)
{
    u32 value = 0;
    for (; *digits >= '0' && *digits <= '9'; digits++)
        value = value * 10 + (u32)(*digits - '0');
    return value;
}

u32 argument(u32 n, u32 otherwise)
{
    char **each;
    for (each = words + 1; *each; each++)
        if (**each >= '0' && **each <= '9' && --n == 0)
            return number(*each);
    return otherwise;
}

void check(int holds, const char *what, ...)
{
    char text[120];
    __builtin_va_list values;

    if (holds) {
        checks++;
        return;
    }
    __builtin_va_start(values, what);
    vformat(text, sizeof text, what, values);
    __builtin_va_end(values);
    print("%s FAILED %s%s\n", name, child ? "in a child: " : "", text);
    exit(1);
}

int spawn(void)
{
    int pid = fork();
    check(pid >= 0, "fork gives %d", pid);
    child |= pid == 0;
    return pid;
}

void reap(int pid, int status)
{
    int got, how;
    do
        got = wait4(pid, &how, 0);
    while (got == -EINTR);
    if (got == pid && how == 1 << 8)
        exit(1); /* the child has said what is wrong */
    check(got == pid, "wait4 gives %d for a child", got);
    check(how == status << 8, "a child ends with status %x, not %x", how, status << 8);
}

void begin(int *stack)
{
    u32 i, dwords = PAGE / 4;
    int hold = 0;

    words = (char **)(stack + 1);
    run();
    print("%s ok %u\n", name, checks);
    for (i = 1; word(i); i++)
        hold |= same(word(i), "hold");
    if (!hold)
        exit(0);
    /* What time or another process's pid has left below the stack pointer differs from run to
       run. */
    __asm__ volatile("leal -4096(%%esp), %%edi; rep stosl"
                     : "+c"(dwords)
                     : "a"(0)
                     : "edi", "memory");
    for (;;)
        pause();
}
