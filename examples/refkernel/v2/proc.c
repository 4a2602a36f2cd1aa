/* The process table: a list in the order of pids; those that can run are in a queue, those that
   wait for something in the queue of what they wait for. */
#include "kernel.h"

static struct proc *procs, *newest, *run_first, *run_last;
static struct pool proc_pool = { .size = sizeof(struct proc) };
static struct pool fd_pool = { .size = sizeof(struct fdtable) };
static uint32_t count, last_pid;
struct proc *current;

struct proc *proc_new(uint32_t pid)
{
    struct proc *p = count < NPROC ? pool_take(&proc_pool) : 0, **at = &procs;

    if (!p)
        return 0;
    p->files = pool_take(&fd_pool);
    if (!p->files) {
        pool_give(&proc_pool, p);
        return 0;
    }
    p->pid = pid;
    p->state = P_STOPPED; /* until proc_continue() */
    if (newest && newest->pid < pid)
        at = &newest->next;
    while (*at && (*at)->pid < pid)
        at = &(*at)->next;
    p->next = *at;
    *at = p;
    if (!p->next)
        newest = p;
    last_pid = MAX(last_pid, pid);
    count++;
    return p;
}

static void leave_run_queue(struct proc *p)
{
    struct proc *before = 0;

    if (!p->queued)
        return;
    for (struct proc *each = run_first; each != p; each = each->run_next)
        before = each;
    if (before)
        before->run_next = p->run_next;
    else
        run_first = p->run_next;
    if (run_last == p)
        run_last = before;
    p->queued = false;
}

static void enter_run_queue(struct proc *p)
{
    if (p->queued)
        return;
    p->queued = true;
    p->run_next = 0;
    if (run_first)
        run_last->run_next = p;
    else
        run_first = p;
    run_last = p;
}

void proc_delete(struct proc *p)
{
    struct proc **at = &procs, *before = 0;

    sig_forget(p);
    procfs_forget(p->pid);
    xmm_delete(p);
    if (p->cwd)
        inode_release(p->cwd);
    leave_run_queue(p);
    if (current == p)
        current = 0;
    for (; *at != p; at = &(*at)->next)
        before = *at;
    *at = p->next;
    if (newest == p)
        newest = before;
    count--;
    pool_give(&fd_pool, p->files);
    pool_give(&proc_pool, p);
}

struct proc *proc_find(uint32_t pid)
{
    struct proc *p = procs;

    while (p && p->pid < pid)
        p = p->next;
    return p && p->pid == pid ? p : 0;
}

struct proc *proc_first(void) { return procs; }
struct proc *proc_after(struct proc *p) { return p->next; }
uint32_t proc_count(void) { return count; }

uint32_t pid_last(void) { return last_pid; }
void pid_go_on(uint32_t last) { last_pid = last; }

uint32_t pid_unused(void)
{
    do
        last_pid = last_pid < 32767 ? last_pid + 1 : 2;
    while (newest && last_pid <= newest->pid && proc_find(last_pid));
    return last_pid;
}

/* What can be waited for in company. */
static struct waitq *queue_of(uint32_t kind, uint64_t obj)
{
    switch (kind) {
    case SSM_WAIT_PIPE_READ: return &pipe_find((uint32_t)obj)->reading;
    case SSM_WAIT_PIPE_WRITE: return &pipe_find((uint32_t)obj)->writing;
    case SSM_WAIT_TTY_READ: return &tty_find((uint32_t)obj)->readers;
    case SSM_WAIT_TTY_WRITE: case SSM_WAIT_TTY_DRAIN: return &tty_find((uint32_t)obj)->writers;
    case SSM_WAIT_TIMER_READ: return &file_find((uint32_t)obj)->waiters;
    default: return 0;
    }
}

static void leave_wait_queue(struct proc *p)
{
    struct waitq *queue = p->wait.queue;
    struct proc *before = 0;

    if (!queue)
        return;
    for (struct proc *each = queue->first; each != p; each = each->wait.next)
        before = each;
    if (before)
        before->wait.next = p->wait.next;
    else
        queue->first = p->wait.next;
    if (queue->last == p)
        queue->last = before;
    p->wait.queue = 0;
}

void proc_block(struct proc *p, uint32_t kind, uint64_t obj)
{
    struct waitq *queue = queue_of(kind, obj);

    leave_run_queue(p);
    p->state = P_BLOCKED;
    p->wait.kind = (uint16_t)kind;
    p->wait.obj = obj;
    if (!queue)
        return;
    p->wait.queue = queue;
    p->wait.next = 0;
    if (queue->first)
        queue->last->wait.next = p;
    else
        queue->first = p;
    queue->last = p;
}

static void set_state(struct proc *p, enum proc_state state)
{
    leave_wait_queue(p);
    p->wait.kind = SSM_WAIT_NONE;
    p->state = state;
    if (state == P_RUNNABLE)
        enter_run_queue(p);
    else
        leave_run_queue(p);
}

void proc_wake(struct proc *p)
{
    if (p->state == P_BLOCKED)
        set_state(p, P_RUNNABLE);
}

void proc_continue(struct proc *p)
{
    if (p->state == P_STOPPED)
        set_state(p, P_RUNNABLE);
}

void proc_stop(struct proc *p) { set_state(p, P_STOPPED); }
void proc_zombie(struct proc *p) { set_state(p, P_ZOMBIE); }

void wake_all(uint32_t kind, uint64_t obj)
{
    struct waitq *queue = queue_of(kind, obj);

    while (queue->first)
        proc_wake(queue->first);
}

/* First come, first served; whoever has used up its slice goes to the end. */
struct proc *sched_pick(bool yield)
{
    struct proc *p = current;

    if (p && p->state == P_RUNNABLE) {
        if (!yield)
            return p;
        enter_run_queue(p);
    }
    p = run_first;
    if (p)
        leave_run_queue(p);
    return p;
}

/* One more than the highest descriptor there is. */
uint32_t fd_end(const struct proc *p) { return p->files->end; }

struct file *fd_file(struct proc *p, uint32_t fd)
{
    return fd < NOFILE ? p->files->slot[fd].file : 0;
}

bool fd_cloexec(struct proc *p, uint32_t fd)
{
    return p->files->slot[fd].cloexec;
}

void fd_set(struct proc *p, uint32_t fd, struct file *file, bool cloexec)
{
    struct fdtable *files = p->files;

    files->slot[fd] = (struct fdslot){ .file = file, .cloexec = cloexec };
    files->end = MAX(files->end, fd + 1);
    while (files->end && !files->slot[files->end - 1].file)
        files->end--;
}
