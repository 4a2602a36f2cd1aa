/* An unmodified program of another C library, klibc's cat, copies a file through a pipe: catter
   [ROUNDS]. */
#include "lib.h"

const char name[] = "catter";

static u8 original[70000], copy[70000];

static u32 contents(const char *path)
{
    int fd = open(path, O_RDONLY);
    u32 size;
    check(fd >= 0, "open of %s gives %d", path, fd);
    size = read_all(fd, original, sizeof original);
    check(size > 0 && size < sizeof original, "%s has %u bytes", path, size);
    check(close(fd) == 0, "close");
    return size;
}

static void cat(char *path)
{
    char program[] = "/bin/cat";
    char *argv[] = {program, path, 0}, *envp[] = {0};
    u32 size = contents(path), n;
    int end[2], pid;

    check(pipe(end) == 0, "pipe");
    pid = spawn();
    if (pid == 0) {
        check(dup2(end[1], 1) == 1, "dup2");
        close(end[0]);
        close(end[1]);
        n = (u32)-execve(program, argv, envp);
        exit((int)n); /* standard output is the pipe: the parent tells */
    }
    close(end[1]);
    n = read_all(end[0], copy, sizeof copy);
    check(close(end[0]) == 0, "close");
    reap(pid, 0);
    check(n == size, "%u bytes of %s arrive, not %u", n, path, size);
    check(memcmp(copy, original, size) == 0, "%s is copied wrong", path);
}

void run(void)
{
    char motd[] = "/etc/motd", data[] = "/etc/data";
    u32 round, rounds = argument(1, 4);
    for (round = 0; round < rounds; round++) {
        cat(motd);
        cat(data);
    }
}
