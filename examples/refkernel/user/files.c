/* A file of the initrd, read through offsets that are shared over dup and fork: files [ROUNDS]. */
#include "lib.h"

const char name[] = "files";

enum { SIZE = 65537, PIECE = 1000 };
static const char path[] = "/etc/data";
static u8 expected[SIZE], got[SIZE];

static void whole(u32 round)
{
    u32 done = 0, sizes = round + 1;
    int n, fd = open(path, O_RDONLY);

    check(fd >= 0, "open of %s gives %d", path, fd);
    while ((n = read(fd, got + done, 1 + xorshift(&sizes) % 5000)) > 0)
        done += (u32)n;
    check(n == 0 && done == SIZE, "%u bytes of %u, then %d", done, SIZE, n);
    check(memcmp(got, expected, SIZE) == 0, "the content is wrong");
    check(write(fd, got, 1) == -EBADF, "write to a file open for reading");
    check(close(fd) == 0, "close");
    check(read(fd, got, 1) == -EBADF, "read of a closed file");
}

static void piece(int fd, u32 at)
{
    u8 now[PIECE];
    check(read(fd, now, PIECE) == PIECE, "read of a piece at %u", at);
    check(memcmp(now, expected + at, PIECE) == 0, "the piece at %u is wrong", at);
}

static void seeking(void)
{
    int fd = open(path, O_RDONLY);
    check(lseek(fd, 12345, SEEK_SET) == 12345, "lseek SET");
    piece(fd, 12345);
    check(lseek(fd, -500, SEEK_CUR) == 12345 + PIECE - 500, "lseek CUR");
    piece(fd, 12345 + PIECE - 500);
    check(lseek(fd, -PIECE, SEEK_END) == SIZE - PIECE, "lseek END");
    piece(fd, SIZE - PIECE);
    check(read(fd, got, 1) == 0, "no end of file");
    check(lseek(fd, -1, SEEK_SET) == -EINVAL, "lseek before the start");
    check(lseek(fd, SIZE + 10, SEEK_SET) == SIZE + 10, "lseek after the end");
    check(read(fd, got, 1) == 0, "no end of file after the end");
    check(close(fd) == 0, "close");
}

/* Parent, child and a duplicate read one after the other from one offset; another open has its
   own. */
static void shared(void)
{
    int fd = open(path, O_RDONLY), twin = dup(fd), alone = open(path, O_RDONLY), pid, turn[2];
    char byte;

    check(twin > fd && alone > twin, "descriptors %d, %d, %d", fd, twin, alone);
    check(pipe(turn) == 0, "pipe");
    piece(fd, 0);
    piece(twin, PIECE);
    pid = spawn();
    if (pid == 0) {
        check(read(turn[0], &byte, 1) == 1, "no turn for the child");
        piece(fd, 3 * PIECE);
        piece(twin, 4 * PIECE);
        exit(21);
    }
    piece(fd, 2 * PIECE);
    check(write(turn[1], "!", 1) == 1, "the child's turn");
    reap(pid, 21);
    piece(twin, 5 * PIECE);
    piece(alone, 0);
    check(close(fd) == 0, "close");
    piece(twin, 6 * PIECE); /* the open file lives as long as one descriptor */
    check(dup2(alone, twin) == twin, "dup2");
    piece(twin, PIECE);
    check(open(path, O_RDONLY) == fd, "open does not give the lowest free descriptor");
    close(fd), close(twin), close(alone), close(turn[0]), close(turn[1]);
}

void run(void)
{
    u32 round, i, rounds = argument(1, 8), state = 0x600DDA7A;
    for (i = 0; i < SIZE; i++)
        expected[i] = (u8)xorshift(&state);
    check(open("/etc/nothing", O_RDONLY) == -ENOENT, "open of a file that is not there");
    for (round = 0; round < rounds; round++) {
        whole(round);
        seeking();
        shared();
    }
    /* what a `hold` leaves: an offset in the middle of the file */
    check(lseek(open(path, O_RDONLY), 777, SEEK_SET) == 777, "lseek");
}
