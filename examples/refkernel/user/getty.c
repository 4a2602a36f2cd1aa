/* A session of its own on a terminal: getty TTY PROGRAM [ARGUMENT...] becomes PROGRAM with TTY as
   its controlling terminal and as descriptors 0 to 2. */
#include "posix.h"

const char name[] = "getty";

enum { WORDS = 10 };

void run(void)
{
    static char *environment[] = { "PATH=/bin:/tmp", "TERM=linux", "HOME=/", "PS1=$ ", 0 };
    char *words[WORDS + 1] = { 0 };
    int fd;
    u32 i;

    for (i = 0; i < WORDS && word(i + 2); i++)
        words[i] = word(i + 2);
    check(words[0] != 0, "says no program");
    for (fd = 0; fd < 3; fd++)
        close(fd);
    new_session();
    fd = open(word(1), O_RDWR);
    check(fd == 0, "open of %s gives %d", word(1), fd);
    dup(fd), dup(fd);
    check(0, "%s cannot be started: error %d", words[0], -execve(words[0], words, environment));
}
