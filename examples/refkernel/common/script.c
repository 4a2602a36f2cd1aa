/* Programs that begin with "#!": their interpreter is run instead, with the script's path. */
#include "calls.h"

enum { LINE = 127, DEPTH = 4 };

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

/* Puts `from` in front of a text of strings; false when there is no room. */
static bool put_in_front(char *text, uint32_t room, uint32_t *len, const char *from)
{
    uint32_t more = strlen(from) + 1;

    if (more > room - *len)
        return false;
    memmove(text + more, text, *len);
    memcpy(text, from, more);
    *len += more;
    return true;
}

/* Of an execve: `text` has argv's strings first. Both and `path` are changed when it is a script. */
int script_expand(struct proc *p, char path[PATH_MAX], char *text, uint32_t room, uint32_t *len,
                  int *argc)
{
    for (int depth = 0;; depth++) {
        char line[LINE + 1], *at = line + 2, *name, *arg, *end;
        struct found found;
        int error = path_walk(p->cwd, path, 0, &found);
        uint32_t n, first = *argc ? strlen(text) + 1 : 0;

        if (error || (found.inode->mode & S_IFMT) != S_IFREG || procfs_is(found.inode))
            return error ? error : -EACCES;
        n = regular_read(found.inode, 0, line, LINE);
        line[n] = 0;
        if (n < 2 || line[0] != '#' || line[1] != '!')
            return 0;
        if (depth == DEPTH)
            return -ELOOP;
        for (end = at; *end && *end != '\n'; end++)
            ;
        while (end > at && is_blank(end[-1]))
            end--;
        *end = 0;
        while (is_blank(*at))
            at++;
        for (name = at; *at && !is_blank(*at); at++)
            ;
        if (*at)
            *at++ = 0;
        while (is_blank(*at))
            at++;
        arg = at;
        if (!*name)
            return -ENOEXEC;
        memmove(text, text + first, *len - first);
        *len -= first;
        *argc += (*argc ? 0 : 1) + 1 + (*arg != 0);
        if (!put_in_front(text, room, len, path) || (*arg && !put_in_front(text, room, len, arg))
            || !put_in_front(text, room, len, name))
            return -E2BIG;
        copy_name(path, PATH_MAX, name);
    }
}
