/* Linux i386 system calls about files, locks, polling and terminals; numbers as in linux.h. */
#ifndef POSIX_H
#define POSIX_H
#include "lib.h"

enum { O_RDWR = 2, O_CREAT = 0100, O_EXCL = 0200, O_TRUNC = 01000, O_APPEND = 02000,
       O_DIRECTORY = 0200000, O_NOCTTY = 0400 };
enum { EIO = 5, ENXIO = 6, EEXIST = 17, ENOTDIR = 20, EISDIR = 21, ENOTTY = 25, EROFS = 30,
       EDEADLK = 35, ENOTEMPTY = 39 };
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8, F_RDLCK = 0, F_WRLCK, F_UNLCK,
       F_GETFL = 3, F_SETFL, F_GETLK64 = 12, F_SETLK64, F_SETLKW64 };
enum { POLLIN = 1, POLLOUT = 4, POLLHUP = 16, POLLNVAL = 32 };
enum { TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCXONC = 0x540A, TCFLSH, TIOCSCTTY = 0x540E,
       TIOCGPGRP, TIOCSPGRP, TIOCOUTQ, TIOCGWINSZ = 0x5413, TIOCSWINSZ, FIONREAD = 0x541B,
       TIOCNOTTY = 0x5422, TIOCGSID = 0x5429 };
enum { ISIG = 1, ICANON = 2, ECHO = 010, TOSTOP = 0400, VTIME = 5, VMIN = 6 };
enum { SIGTTIN = 21, SIGTTOU = 22, SIGWINCH = 28, SIGINT = 2 };

struct pollfd { s32 fd; short events, revents; };
struct __attribute__((packed)) flock64 { short type, whence; long long start, len; s32 pid; };
struct termios { u32 iflag, oflag, cflag, lflag; u8 line, cc[19]; };
struct winsize { u16 rows, cols, xpixel, ypixel; };
struct __attribute__((packed)) stat64 {
    u64 dev;
    u32 pad0, low_ino, mode, nlink, uid, gid;
    u64 rdev;
    u32 pad3;
    u64 size;
    u32 blksize;
    u64 blocks;
    u32 atime, atime_nsec, mtime, mtime_nsec, ctime, ctime_nsec;
    u64 ino;
};

static inline int open_mode(const char *path, int flags, int mode)
{
    return syscall(5, path, flags, mode);
}
static inline int unlink(const char *path) { return syscall(10, path); }
static inline int chdir(const char *path) { return syscall(12, path); }
static inline int rename(const char *from, const char *to) { return syscall(38, from, to); }
static inline int mkdir(const char *path, int mode) { return syscall(39, path, mode); }
static inline int rmdir(const char *path) { return syscall(40, path); }
static inline int ioctl(int fd, int request, const void *arg) { return syscall(54, fd, request, arg); }
static inline int set_group(int pid, int pgrp) { return syscall(57, pid, pgrp); }
static inline int new_session(void) { return syscall(66); }
static inline int symlink(const char *says, const char *path) { return syscall(83, says, path); }
static inline int readlink(const char *path, char *to, u32 size) { return syscall(85, path, to, size); }
static inline int ftruncate(int fd, u32 size) { return syscall(93, fd, size); }
static inline int select(int n, u32 *in, u32 *out, u32 *except, struct timeval *limit)
{
    return syscall(142, n, in, out, except, limit);
}
static inline int flock(int fd, int what) { return syscall(143, fd, what); }
static inline int poll(struct pollfd *fds, u32 n, int ms) { return syscall(168, fds, n, ms); }
static inline int getcwd(char *to, u32 size) { return syscall(183, to, size); }
static inline int stat64(const char *path, struct stat64 *to) { return syscall(195, path, to); }
static inline int fstat64(int fd, struct stat64 *to) { return syscall(197, fd, to); }
static inline int fcntl(int fd, int what, const void *arg) { return syscall(221, fd, what, arg); }
#endif
