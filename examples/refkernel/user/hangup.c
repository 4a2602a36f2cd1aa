/* What a terminal does to those who are not, or no longer, in its foreground: hangup TTY [MS].
   Under TOSTOP who writes from the background is stopped; when the leader of the session ends, the
   foreground is hung up. */
#include "posix.h"

const char name[] = "hangup";

enum { HANGUPS, CONTINUES, DONE };

static volatile u32 *shared;
static void note(int signal) { shared[signal == SIGHUP ? HANGUPS : CONTINUES]++; }

static int own_terminal(void)
{
    int fd, session = 0;

    check(new_session() == getpid(), "setsid");
    fd = open(word(1), O_RDWR);
    check(fd > 2, "open of %s gives %d", word(1), fd);
    check(ioctl(fd, TIOCGSID, &session) == 0 && session == getpid(), "the session is %d", session);
    return fd;
}

/* Heedless of SIGTTOU at first. */
static void background(int fd)
{
    set_group(0, 0);
    on_signal(SIGTTOU, (void (*)(int))SIG_IGN);
    check(write(fd, "<", 1) == 1, "write with SIGTTOU ignored");
    on_signal(SIGTTOU, (void (*)(int))SIG_DFL);
    check(write(fd, ">\n", 2) == 2, "write after SIGCONT");
    exit(3);
}

static void stopped_in_background(int fd, u32 ms)
{
    struct termios usual, to;
    int pid, status = -1;

    check(ioctl(fd, TCGETS, &usual) == 0, "TCGETS");
    to = usual;
    to.lflag |= TOSTOP;
    check(ioctl(fd, TCSETS, &to) == 0, "TCSETS");
    pid = spawn();
    if (pid == 0)
        background(fd);
    check(wait4(pid, &status, WUNTRACED) == pid && status == (SIGTTOU << 8 | 0x7F),
          "status %x, not stopped by SIGTTOU", status);
    sleep_ms(ms);
    kill(pid, SIGCONT);
    check(wait4(pid, &status, WUNTRACED) == pid && status == (SIGTTOU << 8 | 0x7F),
          "status %x, not stopped again", status);
    check(ioctl(fd, TCSETS, &usual) == 0, "TCSETS without TOSTOP");
    kill(pid, SIGCONT);
    reap(pid, 3);
}

/* Reads until it is hung up. */
static void foreground(int fd)
{
    struct pollfd of = { fd, POLLIN, 0 };
    int got, group;
    char c;

    set_group(0, 0);
    on_signal(SIGHUP, note);
    on_signal(SIGCONT, note);
    got = read(fd, &c, 1);
    check(got == -EINTR, "the read gives %d", got);
    check(shared[HANGUPS] == 1 && shared[CONTINUES] == 1, "not SIGHUP and SIGCONT");
    check(read(fd, &c, 1) == 0, "no end of file");
    check(write(fd, "x", 1) == -EIO, "write to what is hung up");
    check(ioctl(fd, TIOCGPGRP, &group) == -EIO, "TIOCGPGRP of what is hung up");
    check(poll(&of, 1, 0) == 1 && of.revents & POLLHUP, "no POLLHUP");
    got = open("/dev/tty", O_RDWR);
    check(got == -ENXIO, "open of /dev/tty gives %d", got);
    shared[DONE] = 1;
    exit(0);
}

static void lead(u32 ms)
{
    int fd = own_terminal(), pid;

    stopped_in_background(fd, ms);
    pid = spawn();
    if (pid == 0)
        foreground(fd);
    set_group(pid, pid);
    check(ioctl(fd, TIOCSPGRP, &pid) == 0, "TIOCSPGRP");
    sleep_ms(ms);
    exit(5);
}

void run(void)
{
    u32 ms = argument(1, 40);
    int pid, i;

    shared = share_pages(PAGE);
    pid = spawn();
    if (pid == 0)
        lead(ms);
    reap(pid, 5);
    for (i = 0; i < 100 && !shared[DONE]; i++)
        sleep_ms(2);
    check(shared[DONE] == 1, "the foreground is not hung up as it should be");
    pid = spawn(); /* the terminal is anybody's now */
    if (pid == 0) {
        own_terminal();
        exit(6);
    }
    reap(pid, 6);
    munmap((void *)shared, PAGE);
}
