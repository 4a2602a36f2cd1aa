/* /proc: which files there are. A process's number is its folder; they are made as they are looked
   for, and forgotten with the process. Inode numbers say whose and what, for any kernel alike. */
#include "kernel.h"

struct number { char text[8]; };

static struct inode *mount;
static struct pool names = { .size = sizeof(struct number) };

enum { FDS = 0x80 }; /* FDS + n: descriptor n, in the folder fd */

static const struct { const char *name; uint32_t mode; } entries[] = {
    [PROC_UPTIME] = { "uptime", S_IFREG | 0444 }, [PROC_MEMINFO] = { "meminfo", S_IFREG | 0444 },
    [PROC_MOUNTS] = { "mounts", S_IFREG | 0444 }, [PROC_STAT] = { "stat", S_IFREG | 0444 },
    [PROC_LOADAVG] = { "loadavg", S_IFREG | 0444 }, [PROC_VERSION] = { "version", S_IFREG | 0444 },
    [PROC_CMDLINE] = { "cmdline", S_IFREG | 0444 }, [PROC_SELF] = { "self", S_IFLNK | 0777 },
    [PROC_PID_STAT] = { "stat", S_IFREG | 0444 }, [PROC_PID_MAPS] = { "maps", S_IFREG | 0444 },
    [PROC_PID_CMDLINE] = { "cmdline", S_IFREG | 0444 },
    [PROC_PID_STATUS] = { "status", S_IFREG | 0444 },
    [PROC_PID_CWD] = { "cwd", S_IFLNK | 0777 }, [PROC_PID_EXE] = { "exe", S_IFLNK | 0777 },
    [PROC_PID_ROOT] = { "root", S_IFLNK | 0777 },
    [PROC_PID_FD] = { "fd", S_IFDIR | 0500 },
};

void procfs_init(struct inode *folder)
{
    mount = folder;
    for (uint32_t what = PROC_UPTIME; what <= PROC_SELF; what++)
        if (!procfs_inode(PROC_INO | what))
            panic("no memory for /proc");
}

bool procfs_is(const struct inode *inode)
{
    return inode == mount || inode->ino >= PROC_INO;
}

uint32_t procfs_pid(const struct inode *inode) { return inode->ino >> 8 & 0x3FFFFF; }
uint32_t procfs_what(const struct inode *inode) { return inode == mount ? 0 : inode->ino & 0xFF; }

static struct inode *numbered(uint32_t ino, struct inode *folder, uint32_t number, uint32_t mode)
{
    char *name = pool_take(&names);
    struct inode *inode = name ? inode_new(ino, folder, name, mode) : 0;
    struct text text = { name, 0, sizeof(struct number) - 1 };

    if (inode)
        format(&text, "%u", number);
    else if (name)
        pool_give(&names, name);
    return inode;
}

/* The inode of a number that is one of ours, made when there is none; 0: no memory. */
struct inode *procfs_inode(uint32_t ino)
{
    uint32_t what = ino & 0xFF, pid = ino >> 8 & 0x3FFFFF;
    struct inode *inode = inode_find(ino), *folder = mount;

    if (inode)
        return inode;
    if (what >= FDS)
        folder = procfs_inode(PROC_INO | pid << 8 | PROC_PID_FD);
    else if (what && pid)
        folder = procfs_inode(PROC_INO | pid << 8);
    if (!folder)
        return 0;
    if (what >= FDS)
        return numbered(ino, folder, what - FDS, S_IFLNK | 0700);
    if (!what)
        return numbered(ino, folder, pid, S_IFDIR | 0555);
    return inode_new(ino, folder, entries[what].name, entries[what].mode);
}

static bool number_of(const char *name, uint32_t len, uint32_t *number)
{
    *number = 0;
    for (uint32_t i = 0; i < len; i++) {
        if (name[i] < '0' || name[i] > '9' || *number > 99999)
            return false;
        *number = *number * 10 + (uint32_t)(name[i] - '0');
    }
    return len && (name[0] != '0' || len == 1);
}

static bool exists(const struct inode *folder, uint32_t what)
{
    uint32_t pid = procfs_pid(folder);
    struct proc *p = pid ? proc_find(pid) : 0;

    return what < FDS || (p && fd_file(p, what - FDS));
}

/* What a folder has behind a place, 0 being before the first; 0: no more. Places are numbers of
   entries, and in /proc itself behind those of the processes. */
struct inode *procfs_next(struct inode *folder, uint32_t *place)
{
    uint32_t pid = folder == mount ? 0 : procfs_pid(folder), what = procfs_what(folder);
    uint32_t end = folder == mount ? PROC_SELF : what ? FDS + NOFILE - 1 : PROC_PID_FD;
    uint32_t first = folder == mount ? PROC_UPTIME : what ? FDS : PROC_PID_STAT;

    if (pid && !proc_find(pid))
        return 0;
    for (*place = MAX(*place + 1, first); *place <= end; ++*place)
        if (exists(folder, *place))
            return procfs_inode(PROC_INO | pid << 8 | *place);
    if (folder != mount)
        return 0;
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->pid + PROC_SELF >= *place) {
            *place = p->pid + PROC_SELF;
            return procfs_inode(PROC_INO | p->pid << 8);
        }
    return 0;
}

struct inode *procfs_child(struct inode *folder, const char *name, uint32_t len)
{
    uint32_t pid = folder == mount ? 0 : procfs_pid(folder), what = procfs_what(folder), number;

    if (folder == mount && number_of(name, len, &number) && number && proc_find(number))
        return procfs_inode(PROC_INO | number << 8);
    if (pid && !proc_find(pid))
        return 0;
    if (what == PROC_PID_FD)
        return number_of(name, len, &number) && number < NOFILE && exists(folder, FDS + number)
               ? procfs_inode(PROC_INO | pid << 8 | (FDS + number)) : 0;
    if (what)
        return 0;
    for (what = pid ? PROC_PID_STAT : PROC_UPTIME; what <= (pid ? PROC_PID_FD : PROC_SELF); what++)
        if (!strncmp(entries[what].name, name, len) && !entries[what].name[len])
            return procfs_inode(PROC_INO | pid << 8 | what);
    return 0;
}

/* Where a link leads, past what it says; 0: by what it says. */
struct inode *procfs_target(const struct inode *link)
{
    struct proc *p = procfs_is(link) ? proc_find(procfs_pid(link)) : 0;
    uint32_t what = procfs_what(link);
    struct file *file = p && what >= FDS ? fd_file(p, what - FDS) : 0;

    if (!p)
        return 0;
    if (what == PROC_PID_CWD)
        return p->cwd;
    if (what == PROC_PID_EXE)
        return p->exe;
    if (what == PROC_PID_ROOT)
        return root();
    return file && file_is_named(file) ? file->inode : 0;
}

/* What a symbolic link says, without a NUL at its end; its length. */
uint32_t link_text(const struct inode *link, char *to, uint32_t room)
{
    static char path[PATH_MAX];
    struct inode *target = procfs_target(link);
    struct text text = { to, 0, room };
    struct proc *p = procfs_is(link) ? proc_find(procfs_pid(link)) : 0;
    struct file *file = p && procfs_what(link) >= FDS ? fd_file(p, procfs_what(link) - FDS) : 0;

    if (target)
        format(&text, "%s", path_of(target, path, sizeof path) < 0 ? "(deleted)" : path);
    else if (file)
        format(&text, file->kind == SSM_FILE_TIMER ? "anon_inode:[timerfd]" : "pipe:[%u]",
               file->kind == SSM_FILE_TIMER ? 0 : file->pipe->id);
    else if (procfs_is(link))
        format(&text, "%u", current ? current->pid : 1);
    else
        memcpy(to, link->data, text.len = MIN(room, link->size));
    return text.len;
}

/* Nothing of a process is left; but what somebody still has open stays until the next time. */
void procfs_forget(uint32_t pid)
{
    struct inode *first = inode_find(PROC_INO | pid << 8), *next;

    for (struct inode *each = first; each && procfs_pid(each) == pid; each = inode_after(each))
        if (each->refs)
            return;
    for (; first && procfs_pid(first) == pid; first = next) {
        next = inode_after(first);
        if (!procfs_what(first) || procfs_what(first) >= FDS)
            pool_give(&names, (void *)first->name);
        inode_delete(first);
    }
}
