/* Reads the console in other ways than by lines, and says what it has got: typist. What it waits
   for is in its last line; somebody types it. */
#include "posix.h"

const char name[] = "typist";

static struct termios usual;

static void set(u32 lflag, int min, int time)
{
    struct termios to = usual, is;

    to.lflag = lflag;
    to.cc[VMIN] = (u8)min, to.cc[VTIME] = (u8)time;
    check(ioctl(0, TCSETSF, &to) == 0, "TCSETSF");
    check(ioctl(0, TCGETS, &is) == 0 && is.lflag == lflag && is.cc[VMIN] == min, "TCGETS");
}

static void expect(const char *what, int size, const char *bytes)
{
    char got[16];
    int n = read(0, got, sizeof got);

    check(n == size, "%s: %d bytes, not %d", what, n, size);
    check(memcmp(got, bytes, (u32)size) == 0, "%s: other bytes", what);
}

static u32 since(u64 start)
{
    return (u32)(monotonic() - start) / MS;
}

void run(void)
{
    struct winsize size = { 50, 132, 0, 0 }, is;
    u64 start;
    u32 took;

    check(ioctl(0, TCGETS, &usual) == 0, "TCGETS");
    check(ioctl(0, TIOCSWINSZ, &size) == 0, "TIOCSWINSZ");

    set(usual.lflag & ~(ICANON | ECHO), 3, 0);
    print("typist wants 3 bytes\n");
    expect("VMIN 3", 3, "a\177c");

    set(usual.lflag & ~(ICANON | ECHO), 0, 3);
    print("typist wants none for 300 ms\n");
    start = monotonic();
    expect("VTIME 3", 0, "");
    took = since(start);
    check(took >= 300 && took < 400, "VTIME 3 takes %u ms", took);

    set(usual.lflag & ~(ICANON | ECHO), 9, 2);
    print("typist wants bytes without a pause\n");
    start = monotonic();
    expect("between bytes", 2, "xy");
    check(since(start) >= 200, "the time between bytes is cut short");

    set(usual.lflag & ~ECHO, 1, 0);
    print("typist wants a literal end of file\n");
    expect("^V ^D", 3, "z\4\n");
    print("typist wants part of a line\n");
    expect("^D in a line", 2, "pq");
    print("typist wants an end of file\n");
    expect("^D", 0, "");

    check(ioctl(0, TIOCGWINSZ, &is) == 0 && is.rows == 50 && is.cols == 132, "window size");
    check(ioctl(0, TCSETS, &usual) == 0, "TCSETS");
}
