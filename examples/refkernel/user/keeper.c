/* What else can be held still: keeper [MS]. A terminal with its settings, a half-typed line and output
   that is stopped; locks; files in /tmp; calls with a limit. For MS ms nothing runs. Then each of its
   processes is let go, and must have kept what it had. Somebody types `half a` and ^S within 100 ms
   after its first line, and ` line` and Enter when it says so. */
#include "posix.h"

const char name[] = "keeper";

enum { TYPED, POLLED, SELECTED, ALL_LOCKED, PART_LOCKED, KINDS };
enum { SIZE = 9000, HOLE = 40000, BYTE_OF_HOLE = 20000, LATE = 100 /* ms a limit may be late */ };
enum { TCOON = 1 };

static const char folder[] = "/tmp/kept", file[] = "/tmp/kept/file";
static int quiet[2], held, ms;
static u8 bytes[SIZE];
static u64 start;

static int range(int how, int type, int at, int len)
{
    struct flock64 lock = { (short)type, 0, at, len, 0 };

    return fcntl(held, how, &lock);
}

static void typed(void)
{
    char line[32];
    int n = read(0, line, sizeof line);

    check(n == 12 && !memcmp(line, "half a line\n", 12), "a line of %d bytes", n);
}

static void in_time(u32 limit, const char *what)
{
    u32 took = (u32)(monotonic() - start) / MS;

    check(took >= limit && took <= limit + LATE, "%s ends after %u ms of %u", what, took, limit);
}

static void polled(void)
{
    struct pollfd fds[2] = { { quiet[0], POLLIN, 0 }, { -1, POLLIN, 0 } };

    check(poll(fds, 2, ms + 200) == 0, "poll of an empty pipe");
    in_time((u32)ms + 200, "poll");
}

static void selected(void)
{
    struct timeval limit = { ms / 1000, ms % 1000 * 1000 + 300000 };
    u32 in = 1u << quiet[0];

    check(select(quiet[0] + 1, &in, 0, 0, &limit) == 0, "select of an empty pipe");
    in_time((u32)ms + 300, "select");
}

static void be(int kind)
{
    int mine = open(file, O_RDWR);

    switch (kind) {
    case TYPED: typed(); break;
    case POLLED: polled(); break;
    case SELECTED: selected(); break;
    case ALL_LOCKED: check(flock(mine, LOCK_EX) == 0, "flock"); break;
    case PART_LOCKED:
        check(range(F_SETLK64, F_WRLCK, 40, 20) == 0, "a free range");
        check(range(F_SETLKW64, F_WRLCK, 0, 30) == 0, "a range that was held");
        break;
    }
    if (kind >= ALL_LOCKED)
        check(monotonic() - start >= (u64)ms * MS, "a lock was granted too early");
    exit(40 + kind);
}

/* A file with a hole, a link to it, one that has lost its name. */
static int make_files(void)
{
    u32 i, state = 9;
    int gone;

    for (i = 0; i < SIZE; i++)
        bytes[i] = (u8)xorshift(&state);
    check(mkdir(folder, 0750) == 0 && chdir(folder) == 0, "mkdir and chdir");
    held = open_mode(file, O_RDWR | O_CREAT, 0640);
    check(write_all(held, bytes, SIZE) == SIZE, "write");
    check(lseek(held, HOLE, SEEK_SET) == HOLE && write(held, bytes, 100) == 100, "behind a hole");
    check(symlink("file", "link") == 0, "symlink");
    gone = open_mode("gone", O_RDWR | O_CREAT, 0600);
    check(write_all(gone, bytes, SIZE) == SIZE && unlink("gone") == 0, "a file without a name");
    return gone;
}

static void look_at(int fd)
{
    u8 got[SIZE];

    check(lseek(fd, 0, SEEK_SET) == 0 && read_all(fd, got, SIZE) == SIZE, "read");
    check(memcmp(got, bytes, SIZE) == 0, "a file has changed");
}

static void look(int gone)
{
    struct stat64 st;
    char text[16];
    u8 byte = 1;

    check(lseek(held, 0, SEEK_CUR) == HOLE + 100, "where we are in a file");
    check(lseek(held, BYTE_OF_HOLE, SEEK_SET) > 0 && read(held, &byte, 1) == 1 && !byte, "a hole");
    look_at(held);
    look_at(gone);
    check(fstat64(gone, &st) == 0 && st.nlink == 0, "a removed file has %u links", st.nlink);
    check(stat64("link", &st) == 0 && st.size == HOLE + 100 && (st.mode & 0777) == 0640, "stat");
    check(getcwd(text, sizeof text) == sizeof folder && same(text, folder), "the directory");
}

void run(void)
{
    struct winsize size = { 43, 121, 0, 0 }, size_is;
    struct termios usual, other, is;
    int child[KINDS], kind, gone = make_files();

    ms = (int)argument(1, 200);
    start = monotonic();
    check(pipe(quiet) == 0, "pipe");
    check(flock(held, LOCK_EX) == 0 && range(F_SETLK64, F_WRLCK, 0, 30) == 0, "locks");
    check(range(F_SETLK64, F_RDLCK, 100, 0) == 0, "a lock for reading to the end");
    check(ioctl(0, TCGETS, &usual) == 0, "TCGETS");
    other = usual;
    other.lflag &= ~(u32)ECHO;
    other.cc[VMIN] = 7, other.cc[VTIME] = 3;
    check(ioctl(0, TCSETS, &other) == 0 && ioctl(0, TIOCSWINSZ, &size) == 0, "TCSETS");
    for (kind = 0; kind < KINDS; kind++)
        if ((child[kind] = spawn()) == 0)
            be(kind);
    sleep_ms(40);
    print("keeper: %u processes wait for `half a` and ^S\n", (u32)KINDS + 1);
    sleep_ms(100);
    print("keeper: this has been stopped\n");

    sleep_ms((u32)ms);

    check(ioctl(1, TCXONC, (void *)TCOON) == 0, "TCOON");
    look(gone);
    check(ioctl(0, TCGETS, &is) == 0 && !memcmp(&is, &other, sizeof is), "terminal settings");
    check(ioctl(0, TIOCGWINSZ, &size_is) == 0 && size_is.rows == 43, "window size");
    check(flock(held, LOCK_UN) == 0 && range(F_SETLK64, F_UNLCK, 0, 0) == 0, "unlock");
    print("keeper: wants ` line`\n");
    for (kind = 0; kind < KINDS; kind++)
        reap(child[kind], 40 + kind);
    check(ioctl(0, TCSETS, &usual) == 0, "TCSETS");
    check(unlink("file") == 0 && unlink("link") == 0 && chdir("/") == 0 && rmdir(folder) == 0,
          "what is left in /tmp");
}
