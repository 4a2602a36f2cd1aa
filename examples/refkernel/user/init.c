/* The first process: starts the programs, reaps them and says how it went.

       init [stay] [hold] [PROGRAM[*COUNT][:ARGUMENT]...]...

   starts /bin/PROGRAM (COUNT times) with its arguments, all at once; without a program, the lines
   of /etc/inittab (words separated by blanks, # starts a comment). `hold` is handed on to each.
   When all have ended, init prints `init: all ok N programs` and exits with 0, or a line for each
   failure, `init: K of N programs failed`, and exits with 1. With `stay` it does not exit but
   sleeps in pause() for ever. */
#include "lib.h"

const char name[] = "init";

enum { PROGRAMS = 1100, WORDS = 12 };

struct program {
    int pid;
    const char *name;
};

static struct program programs[PROGRAMS];
static u32 started, failed;
static int holding;
static char text[4096], path[32];

static void start(char **words)
{
    struct program *program = &programs[started];

    if (started == PROGRAMS) {
        print("init: more than %u programs\n", PROGRAMS);
        exit(1);
    }
    started++;
    program->name = words[0];
    program->pid = fork();
    if (program->pid == 0) {
        format(path, sizeof path, "/bin/%s", words[0]);
        print("init: %s cannot be started: error %d\n", words[0],
              -execve(path, words, words + WORDS + 1));
        exit(127);
    }
    if (program->pid < 0) {
        print("init: no process for %s: error %d\n", words[0], -program->pid);
        failed++;
    }
}

/* Cut a line at its separators, in place, and start what it says. */
static void start_line(char *line, char separator)
{
    char *words[WORDS + 2] = {0}, *times; /* the last of them stays 0: an empty environment */
    u32 count = 0, copies = 1;

    while (*line && *line != '#') {
        if (*line == separator) {
            *line++ = 0;
            continue;
        }
        if (count == WORDS - 1) {
            print("init: more than %u words for %s\n", WORDS - 1, words[0]);
            exit(1);
        }
        words[count++] = line;
        while (*line && *line != separator)
            line++;
    }
    *line = 0;
    if (!count)
        return;
    if (holding)
        words[count] = "hold";
    for (times = words[0]; *times; times++)
        if (*times == '*') {
            *times = 0;
            copies = number(times + 1);
            break;
        }
    while (copies--)
        start(words);
}

static void start_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    char *line = text, *end;

    if (fd < 0) {
        print("init: no programs given and no %s: error %d\n", path, -fd);
        exit(1);
    }
    text[read_all(fd, text, sizeof text - 1)] = 0;
    close(fd);
    while (*line) {
        for (end = line; *end && *end != '\n'; end++)
            ;
        if (*end)
            *end++ = 0;
        start_line(line, ' ');
        line = end;
    }
}

static void ended(int pid, int status)
{
    struct program *program;
    for (program = programs; program < programs + started; program++)
        if (program->pid == pid) {
            program->pid = 0;
            if (status == 0)
                return;
            failed++;
            if (status & 0x7F)
                print("init: %s was ended by signal %d\n", program->name, status & 0x7F);
            else
                print("init: %s exits with %d\n", program->name, status >> 8);
        }
    /* or an orphan, which is nobody's failure */
}

void run(void)
{
    int stay = 0, pid, status;
    char *each;
    u32 i;

    for (i = 1; (each = word(i)) != 0; i++)
        if (same(each, "stay"))
            stay = 1;
        else if (same(each, "hold"))
            holding = 1;
        else
            start_line(each, ':');
    if (!started)
        start_file("/etc/inittab");
    while ((pid = wait4(-1, &status, 0)) > 0 || pid == -EINTR)
        ended(pid, status);
    if (failed)
        print("init: %u of %u programs failed\n", failed, started);
    else
        print("init: all ok %u programs\n", started);
    while (stay)
        pause();
    exit(failed ? 1 : 0);
}
