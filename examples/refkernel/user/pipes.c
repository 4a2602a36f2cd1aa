/* Pipes lose, double and cut nothing, whether reader or writer has to wait: pipes [ROUNDS]
   [KIB]. */
#include "lib.h"

const char name[] = "pipes";

enum { PIPE_BUF = 4096, WRITERS = 3, RECORDS = 40 };
enum { NOBODY, READER, WRITER }; /* who comes late, so that the other side blocks */

static u8 buffer[3 * PIPE_BUF];

static void fill(u8 *to, u32 size, u32 *state)
{
    while (size--)
        *to++ = (u8)xorshift(state);
}

static void produce(int fd, u32 total, u32 seed)
{
    u32 done, n, bytes = seed, sizes = ~seed;
    for (done = 0; done < total; done += n) {
        n = 1 + xorshift(&sizes) % sizeof buffer;
        if (n > total - done)
            n = total - done;
        fill(buffer, n, &bytes);
        check(write_all(fd, buffer, n) == n, "a write of %u bytes to the stream is cut", n);
    }
}

/* A stream in chunks of any size arrives as it was sent, and then ends. */
static void stream(u32 total, u32 seed, int late)
{
    int end[2], pid, n;
    u32 done = 0, sent, crc = 0, expected = 0, bytes = seed, sizes = seed;

    check(pipe(end) == 0, "pipe");
    pid = spawn();
    if (pid == 0) {
        close(end[0]);
        if (late == WRITER)
            sleep_ms(20);
        produce(end[1], total, seed);
        exit(0);
    }
    close(end[1]);
    if (late == READER)
        sleep_ms(20);
    while ((n = read(end[0], buffer, 1 + xorshift(&sizes) % sizeof buffer)) > 0) {
        crc = crc32(crc, buffer, (u32)n);
        done += (u32)n;
    }
    check(n == 0, "read gives %d", n);
    check(done == total, "%u bytes of %u arrive", done, total);
    for (done = 0; done < total; done += sent) {
        sent = total - done < sizeof buffer ? total - done : sizeof buffer;
        fill(buffer, sent, &bytes);
        expected = crc32(expected, buffer, sent);
    }
    check(crc == expected, "CRC of the stream is %08x, not %08x", crc, expected);
    close(end[0]);
    reap(pid, 0);
}

struct record {
    u16 writer, number, size, fill;
    u32 crc;
    u8 body[500];
};
enum { HEAD = 12 };

static void write_records(int fd, u16 writer)
{
    struct record record = {writer, 0, 0, 0, 0, {0}};
    u32 state = writer + 1;
    for (record.number = 0; record.number < RECORDS; record.number++) {
        record.size = (u16)(xorshift(&state) % sizeof record.body);
        fill(record.body, record.size, &state);
        record.crc = crc32(0, record.body, record.size);
        check(write(fd, &record, HEAD + record.size) == HEAD + record.size, "write of a record");
    }
    exit(10 + writer);
}

/* Writes of up to PIPE_BUF bytes by several processes do not mix. */
static void records(void)
{
    static struct record record;
    int end[2], pid[WRITERS];
    u32 writer, i, next[WRITERS] = {0, 0, 0};

    check(pipe(end) == 0, "pipe");
    for (writer = 0; writer < WRITERS; writer++)
        if ((pid[writer] = spawn()) == 0)
            write_records(end[1], (u16)writer);
    close(end[1]);
    for (i = 0; i < WRITERS * RECORDS; i++) {
        check(read_all(end[0], &record, HEAD) == HEAD, "record %u is missing", i);
        check(record.writer < WRITERS && record.size < sizeof record.body, "record %u is broken",
              i);
        check(record.number == next[record.writer]++, "record %u is out of order", i);
        check(read_all(end[0], record.body, record.size) == record.size, "record %u is cut", i);
        check(crc32(0, record.body, record.size) == record.crc, "record %u is changed", i);
    }
    check(read(end[0], buffer, 1) == 0, "no end of file after the last writer");
    close(end[0]);
    for (writer = 0; writer < WRITERS; writer++)
        reap(pid[writer], 10 + (int)writer);
}

/* Nobody reads: SIGPIPE, or EPIPE when that is ignored. */
static void broken(void)
{
    int end[2];
    on_signal(SIGPIPE, (void (*)(int))SIG_IGN);
    check(pipe(end) == 0, "pipe");
    close(end[0]);
    check(write(end[1], "x", 1) == -EPIPE, "write to a pipe that nobody reads");
    close(end[1]);
    on_signal(SIGPIPE, (void (*)(int))SIG_DFL);
}

void run(void)
{
    u32 round, rounds = argument(1, 6), total = argument(2, 64) * 1024;
    for (round = 0; round < rounds; round++) {
        stream(total, round + 1, (int)(round % 3));
        records();
        broken();
    }
    memset(buffer, 0, sizeof buffer);
}
