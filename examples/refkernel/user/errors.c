/* What system calls say to wrong arguments: errors. Each of them Linux's own number. */
#include "posix.h"

const char name[] = "errors";

enum { ESPIPE = 29, ERANGE = 34, ENAMETOOLONG = 36 };
enum { NONE = 9999, BAD = 4 /* an address nobody has */ };

/* A call, its number, its arguments, and its error. */
struct wrong { const char *call; u32 nr, a[5]; int error; };

static char file[] = "/tmp/errors", within[] = "/tmp/errors/x", none[] = "/tmp/nothing-there";
static char folder[] = "/tmp", longest[300], exe[] = "/etc/motd";
static u32 words[64];
static struct timespec bad_time = { -1, 0 };
static struct timeval bad_tv = { 0, -1 }, long_tv = { 0, 1000000 };
static u32 bad_timer[4] = { 0, 0, 0, 1000000 };

#define A(at) ((u32)(at))

static const struct wrong table[] = {
    { "execve, no file", 11, { A(none) }, -ENOENT },
    { "execve, a file that is not executable", 11, { A(exe) }, -EACCES },
    { "execve, a folder", 11, { A(folder) }, -EACCES },
    { "execve, no path", 11, { BAD }, -EFAULT },
    { "wait4, no child", 114, { (u32)-1 }, -ECHILD },
    { "wait4, options", 114, { (u32)-1, 0, 0x10 }, -EINVAL },
    { "kill, nobody", 37, { 29999, 0 }, -ESRCH },
    { "kill, signal 65", 37, { 1, 65 }, -EINVAL },
    { "sigaction, signal 65", 174, { 65, 0, 0, 8 }, -EINVAL },
    { "sigaction, SIGKILL", 174, { 9, A(words), 0, 8 }, -EINVAL },
    { "sigaction, size", 174, { 10, 0, 0, 4 }, -EINVAL },
    { "sigaction, nowhere", 174, { 10, BAD, 0, 8 }, -EFAULT },
    { "sigprocmask, how", 175, { 7, A(words), 0, 8 }, -EINVAL },
    { "sigprocmask, nowhere", 175, { 0, BAD, 0, 8 }, -EFAULT },
    { "sigaltstack, nowhere", 186, { BAD }, -EFAULT },
    { "mmap2, no bytes", 192, { 0, 0, 3, 0x22, (u32)-1 }, -EINVAL },
    { "mmap2, neither private nor shared", 192, { 0, PAGE, 3, 0x20, (u32)-1 }, -EINVAL },
    { "mmap2, no file", 192, { 0, PAGE, 1, 2, NONE }, -EBADF },
    { "munmap, no page", 91, { 1, PAGE }, -EINVAL },
    { "munmap, no bytes", 91, { 0x50000000, 0 }, -EINVAL },
    { "mprotect, no page", 125, { 1, PAGE, 1 }, -EINVAL },
    { "mprotect, nothing there", 125, { 0x70000000, PAGE, 1 }, -ENOMEM },
    { "open, no file", 5, { A(none) }, -ENOENT },
    { "open, in a file", 5, { A(within) }, -ENOTDIR },
    { "open, a folder to write", 5, { A(folder), O_RDWR }, -EISDIR },
    { "open, a name of 299", 5, { A(longest) }, -ENAMETOOLONG },
    { "open, O_EXCL", 5, { A(file), O_CREAT | O_EXCL, 0600 }, -EEXIST },
    { "open, nowhere", 5, { BAD }, -EFAULT },
    { "close", 6, { NONE }, -EBADF },
    { "read, no file", 3, { NONE, A(words), 1 }, -EBADF },
    { "read, a file to write", 3, { 21, A(words), 1 }, -EBADF },
    { "read, a folder", 3, { 22, A(words), 1 }, -EISDIR },
    { "read, nowhere", 3, { 20, BAD, 1 }, -EFAULT },
    { "write, no file", 4, { NONE, A(words), 1 }, -EBADF },
    { "write, a file to read", 4, { 20, A(words), 1 }, -EBADF },
    { "write, nowhere", 4, { 21, BAD, 1 }, -EFAULT },
    { "readv, no file", 145, { NONE, A(words), 1 }, -EBADF },
    { "readv, 1025 pieces", 145, { 20, A(words), 1025 }, -EINVAL },
    { "writev, nowhere", 146, { 21, BAD, 1 }, -EFAULT },
    { "lseek, no file", 19, { NONE }, -EBADF },
    { "lseek, a pipe", 19, { 23 }, -ESPIPE },
    { "lseek, before the beginning", 19, { 20, (u32)-1, 0 }, -EINVAL },
    { "lseek, from where", 19, { 20, 0, 9 }, -EINVAL },
    { "dup", 41, { NONE }, -EBADF },
    { "dup2, no file", 63, { NONE, 3 }, -EBADF },
    { "dup2, to -1", 63, { 20, (u32)-1 }, -EBADF },
    { "dup3, to the same", 330, { 20, 20 }, -EINVAL },
    { "pipe, nowhere", 42, { BAD }, -EFAULT },
    { "pipe2, flags", 331, { A(words), 1 }, -EINVAL },
    { "fcntl, no file", 221, { NONE, 1 }, -EBADF },
    { "fcntl, what", 221, { 20, 999 }, -EINVAL },
    { "fcntl, F_DUPFD to -1", 221, { 20, 0, (u32)-1 }, -EINVAL },
    { "fcntl, a lock nowhere", 221, { 21, F_SETLK64, BAD }, -EFAULT },
    { "flock, no file", 143, { NONE, LOCK_EX }, -EBADF },
    { "flock, what", 143, { 20, 64 }, -EINVAL },
    { "stat64, no file", 195, { A(none), A(words) }, -ENOENT },
    { "stat64, nowhere", 195, { A(file), BAD }, -EFAULT },
    { "fstat64", 197, { NONE, A(words) }, -EBADF },
    { "getdents64, no file", 220, { NONE, A(words), 256 }, -EBADF },
    { "getdents64, a file", 220, { 20, A(words), 256 }, -ENOTDIR },
    { "getdents64, no room", 220, { 22, A(words), 1 }, -EINVAL },
    { "getcwd, no room", 183, { A(words), 1 }, -ERANGE },
    { "chdir, no folder", 12, { A(none) }, -ENOENT },
    { "chdir, a file", 12, { A(file) }, -ENOTDIR },
    { "unlink, no file", 10, { A(none) }, -ENOENT },
    { "rmdir, a file", 40, { A(file) }, -ENOTDIR },
    { "mkdir, it is there", 39, { A(file), 0700 }, -EEXIST },
    { "rename, no file", 38, { A(none), A(file) }, -ENOENT },
    { "readlink, no link", 85, { A(file), A(words), 8 }, -EINVAL },
    { "symlink, it is there", 83, { A(none), A(file) }, -EEXIST },
    { "truncate, no file", 92, { A(none), 0 }, -ENOENT },
    { "ftruncate, a file to read", 93, { 20, 0 }, -EINVAL },
    { "access, no file", 33, { A(none), 0 }, -ENOENT },
    { "access, how", 33, { A(file), 8 }, -EINVAL },
    { "nanosleep, -1 s", 162, { A(&bad_time) }, -EINVAL },
    { "nanosleep, nowhere", 162, { BAD }, -EFAULT },
    { "clock_nanosleep, which", 267, { 99, 0, A(words) }, -EINVAL },
    { "setitimer, which", 104, { 9, A(words) }, -EINVAL },
    { "setitimer, 1000000 us", 104, { 0, A(bad_timer) }, -EINVAL },
    { "setitimer, nowhere", 104, { 0, BAD }, -EFAULT },
    { "getitimer, which", 105, { 9, A(words) }, -EINVAL },
    { "time, nowhere", 13, { BAD }, -EFAULT },
    { "gettimeofday, nowhere", 78, { BAD }, -EFAULT },
    { "clock_gettime, which", 265, { 99, A(words) }, -EINVAL },
    { "clock_gettime, nowhere", 265, { 0, BAD }, -EFAULT },
    { "uname, nowhere", 122, { BAD }, -EFAULT },
    { "times, nowhere", 43, { BAD }, -EFAULT },
    { "getrusage, who", 77, { 9, A(words) }, -EINVAL },
    { "getrusage, nowhere", 77, { 0, BAD }, -EFAULT },
    { "sysinfo, nowhere", 116, { BAD }, -EFAULT },
    { "ioctl, no file", 54, { NONE, TCGETS, A(words) }, -EBADF },
    { "ioctl, no terminal", 54, { 20, TCGETS, A(words) }, -ENOTTY },
    { "poll, nowhere", 168, { BAD, 1, 0 }, -EFAULT },
    { "select, -1 files", 142, { (u32)-1 }, -EINVAL },
    { "select, no file", 142, { 26, A(words + 32), 0, 0, A(words) }, -EBADF },
    { "select, -1 us", 142, { 0, 0, 0, 0, A(&bad_tv) }, -EINVAL },
    { "select, 1000000 us, which is a second", 142, { 0, 0, 0, 0, A(&long_tv) }, 0 },
    { "set_thread_area, nowhere", 243, { BAD }, -EFAULT },
    { "setpgid, nobody", 57, { 29999, 0 }, -ESRCH },
    { "setpgid, group -1", 57, { 0, (u32)-1 }, -EINVAL },
    { "getpgid, nobody", 132, { 29999 }, -ESRCH },
    { "getsid, nobody", 147, { 29999 }, -ESRCH },
    { "getpriority, what", 96, { 9, 0 }, -EINVAL },
    { "timerfd_create, clock", 322, { 99, 0 }, -EINVAL },
    { "timerfd_settime, no timer", 325, { 20, 0, A(words), 0 }, -EINVAL },
    { "a call there is not", 999, { 0 }, -ENOSYS },
};

/* Whatever was open or not before: 20 to read, 21 to write, 22 a folder, 23 a pipe, 25 nothing. */
static void put_at(int number, int fd)
{
    check(fd >= 0 && syscall(63, fd, number) == number, "descriptor %d is %d", number, fd);
    check(close(fd) == 0, "close");
}

void run(void)
{
    int ends[2], fd = open_mode(file, O_RDWR | O_CREAT | O_TRUNC, 0600);

    check(write(fd, "here", 4) == 4 && close(fd) == 0, "write");
    memset(longest, 'x', sizeof longest - 1);
    put_at(20, open(file, 0));
    put_at(21, open(file, 1));
    put_at(22, open(folder, 0));
    check(pipe(ends) == 0, "pipe");
    put_at(23, ends[0]);
    close(ends[1]);
    close(25);
    for (u32 i = 0; i < COUNT(table); i++) {
        const struct wrong *w = &table[i];
        int got;
        memset(words, 0, sizeof words);
        words[32] = 1u << 25;
        got = syscall(w->nr, w->a[0], w->a[1], w->a[2], w->a[3], w->a[4]);
        check(got == w->error, "%s: %d, not %d", w->call, got, w->error);
    }
    check(unlink(file) == 0, "unlink");
}
