/* The process table: an array sorted by pid. Who waits for something is found by looking at all. */
#include "kernel.h"
#include "table.h"

static uint32_t *slots[NPROC];
static struct table procs = { .room = NPROC, .slot = slots };
static struct pool proc_pool = { .size = sizeof(struct proc) };
static uint32_t last_pid, last_run;
struct proc *current;

struct proc *proc_new(uint32_t pid)
{
    struct proc *p = pool_take(&proc_pool);

    if (!p)
        return 0;
    p->pid = pid;
    p->state = P_STOPPED; /* until proc_continue() */
    if (!table_add(&procs, p)) {
        pool_give(&proc_pool, p);
        return 0;
    }
    last_pid = MAX(last_pid, pid);
    return p;
}

void proc_delete(struct proc *p)
{
    sig_forget(p);
    procfs_forget(p->pid);
    xmm_delete(p);
    if (p->cwd)
        inode_release(p->cwd);
    if (current == p)
        current = 0;
    table_remove(&procs, p);
    pool_give(&proc_pool, p);
}

struct proc *proc_find(uint32_t pid) { return table_find(&procs, pid); }
struct proc *proc_first(void) { return table_at(&procs, 0); }
uint32_t proc_count(void) { return procs.count; }

struct proc *proc_after(struct proc *p) { return table_after(&procs, p); }

uint32_t pid_last(void) { return last_pid; }
void pid_go_on(uint32_t last) { last_pid = last; }

uint32_t pid_unused(void)
{
    do
        last_pid = last_pid < 32767 ? last_pid + 1 : 2;
    while (proc_find(last_pid));
    return last_pid;
}

void proc_block(struct proc *p, uint32_t kind, uint64_t obj)
{
    p->state = P_BLOCKED;
    p->wait.kind = kind;
    p->wait.obj = obj;
}

void proc_wake(struct proc *p)
{
    if (p->state != P_BLOCKED)
        return;
    p->state = P_RUNNABLE;
    p->wait.kind = SSM_WAIT_NONE;
}

void proc_stop(struct proc *p) { p->state = P_STOPPED; }
void proc_zombie(struct proc *p) { p->state = P_ZOMBIE; }

void proc_continue(struct proc *p)
{
    if (p->state == P_STOPPED)
        p->state = P_RUNNABLE;
}

void wake_all(uint32_t kind, uint64_t obj)
{
    for (uint32_t i = 0; i < procs.count; i++) {
        struct proc *p = table_at(&procs, i);
        if (p->state == P_BLOCKED && p->wait.kind == kind && p->wait.obj == obj)
            proc_wake(p);
    }
}

/* Round robin: the first that can run behind the one that ran last. */
struct proc *sched_pick(bool yield)
{
    uint32_t start;

    if (!yield && current && current->state == P_RUNNABLE)
        return current;
    start = table_place(&procs, last_run + 1);
    for (uint32_t i = 0; i < procs.count; i++) {
        struct proc *p = table_at(&procs, (start + i) % procs.count);
        if (p->state == P_RUNNABLE) {
            last_run = p->pid;
            return p;
        }
    }
    return 0;
}

/* One more than the highest descriptor there is. */
uint32_t fd_end(const struct proc *p) { return p->nofile; }

struct file *fd_file(struct proc *p, uint32_t fd)
{
    return fd < NOFILE ? p->ofile[fd] : 0;
}

bool fd_cloexec(struct proc *p, uint32_t fd)
{
    return p->cloexec >> fd & 1;
}

void fd_set(struct proc *p, uint32_t fd, struct file *file, bool cloexec)
{
    p->ofile[fd] = file;
    p->nofile = MAX(p->nofile, fd + 1);
    while (p->nofile && !p->ofile[p->nofile - 1])
        p->nofile--;
    p->cloexec = (p->cloexec & ~(1u << fd)) | (uint32_t)cloexec << fd;
}
