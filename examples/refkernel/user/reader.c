/* Reads the lines "line 1", "line 2", ... that somebody types on the console: reader [LINES]. */
#include "lib.h"

const char name[] = "reader";

static char text[128];
static u32 used;

/* The next line without its end; what comes after it waits in `text`. */
static void next_line(char *line, u32 size)
{
    u32 end, i;
    int n;

    for (;;) {
        for (end = 0; end < used && text[end] != '\n'; end++)
            ;
        if (end < used)
            break;
        n = read(0, text + used, sizeof text - used);
        if (n > 0)
            used += (u32)n;
        else if (n != -EINTR) /* also 0: an end of file, or no room for a line as long as that */
            check(0, "read of the console gives %d with %u bytes waiting", n, used);
    }
    for (i = 0; i < end && i + 1 < size; i++)
        line[i] = text[i];
    line[i] = 0;
    used -= end + 1;
    for (i = 0; i < used; i++)
        text[i] = text[end + 1 + i];
}

void run(void)
{
    char line[64], expected[64];
    u32 i, lines = argument(1, 1);

    print("reader waits for %u lines\n", lines);
    for (i = 1; i <= lines; i++) {
        next_line(line, sizeof line);
        format(expected, sizeof expected, "line %u", i);
        check(same(line, expected), "gets '%s', not '%s'", line, expected);
    }
}
