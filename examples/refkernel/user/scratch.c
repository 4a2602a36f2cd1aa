/* Files, directories and links in /tmp, made, looked at for MS over a switchover, and removed:
   scratch [MS]. */
#include "posix.h"

const char name[] = "scratch";

enum { SIZE = 10000, HOLE = 50000 };
static u8 expected[SIZE], got[SIZE];

static void same_content(int fd, u32 at, const u8 *what, u32 size)
{
    check(lseek(fd, (s32)at, SEEK_SET) == (int)at, "lseek");
    check(read_all(fd, got, size) == size, "a file has become shorter");
    check(memcmp(got, what, size) == 0, "a file has changed at %u", at);
}

static void look(int fd, int gone, int log)
{
    static const u8 zeros[100];
    struct stat64 st;
    char text[32];

    same_content(fd, 0, expected, SIZE);
    same_content(fd, SIZE, zeros, sizeof zeros);
    same_content(fd, HOLE, expected, 100);
    check(fstat64(fd, &st) == 0 && st.size == HOLE + 100 && (st.mode & 0777) == 0640, "stat64");
    check(st.mtime != 0 && st.nlink == 1, "times and links");
    same_content(gone, 0, expected, 5000);
    check(fstat64(gone, &st) == 0 && st.nlink == 0, "a removed file has %u links", st.nlink);
    check(write(log, ".", 1) == 1, "append");
    check(readlink("/tmp/s/link", text, sizeof text) == 4 && !memcmp(text, "file", 4), "readlink");
    check(stat64("/tmp/s/link", &st) == 0 && st.size == HOLE + 100, "through a link");
    check(getcwd(text, sizeof text) == 7 && same(text, "/tmp/s"), "the directory is %s", text);
    check(stat64("file", &st) == 0, "a path from there");
}

static void refused(void)
{
    check(open_mode("/etc/new", O_WRONLY | O_CREAT, 0600) == -EROFS, "the initrd is written to");
    check(unlink("/etc/motd") == -EROFS && mkdir("/etc/d", 0700) == -EROFS, "the initrd");
    check(rename("/etc/motd", "/tmp/motd") < 0, "rename out of the initrd");
    check(open_mode("/tmp/s/file", O_WRONLY | O_CREAT | O_EXCL, 0600) == -EEXIST, "O_EXCL");
    check(open_mode("/tmp/s/no/file", O_WRONLY | O_CREAT, 0600) == -ENOENT, "no directory");
    check(open("/tmp/s/file/x", O_RDONLY) == -ENOTDIR, "a file is no directory");
    check(open("/tmp/s", O_WRONLY) == -EISDIR, "a directory is written to");
    check(mkdir("/tmp/s", 0700) == -EEXIST && rmdir("/tmp/s") == -ENOTEMPTY, "a directory");
    check(rename("/tmp/s", "/tmp/s/in") == -EINVAL, "a directory into itself");
}

void run(void)
{
    u32 i, state = 7, rounds = argument(1, 200) / 10, n = 0;
    int fd, gone, log;
    struct stat64 st;

    for (i = 0; i < SIZE; i++)
        expected[i] = (u8)xorshift(&state);
    check(mkdir("/tmp/s", 0700) == 0 && chdir("/tmp/s") == 0, "mkdir and chdir");
    fd = open_mode("old", O_RDWR | O_CREAT, 0640);
    check(write_all(fd, expected, SIZE) == SIZE, "write");
    check(lseek(fd, HOLE, SEEK_SET) == HOLE && write(fd, expected, 100) == 100, "behind a hole");
    check(rename("old", "file") == 0 && stat64("old", &st) == -ENOENT, "rename");
    check(symlink("file", "link") == 0, "symlink");
    gone = open_mode("/tmp/s/gone", O_RDWR | O_CREAT, 0600);
    check(write_all(gone, expected, SIZE) == SIZE && ftruncate(gone, 5000) == 0, "ftruncate");
    check(unlink("gone") == 0 && stat64("gone", &st) == -ENOENT, "unlink");
    log = open_mode("log", O_WRONLY | O_CREAT | O_APPEND, 0600);
    refused();
    for (; n < rounds; n++) {
        look(fd, gone, log);
        sleep_ms(10);
    }
    check(fstat64(log, &st) == 0 && st.size == rounds, "%u bytes were appended", (u32)st.size);
    close(fd), close(log), close(gone);
    fd = open("file", O_RDWR | O_TRUNC);
    check(fstat64(fd, &st) == 0 && st.size == 0 && st.blocks == 0, "O_TRUNC");
    close(fd);
    check(unlink("file") == 0 && unlink("link") == 0 && unlink("log") == 0, "unlink");
    check(chdir("/") == 0 && rmdir("/tmp/s") == 0 && stat64("/tmp/s", &st) == -ENOENT, "rmdir");
}
