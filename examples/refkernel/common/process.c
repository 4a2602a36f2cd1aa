/* Processes: how they begin, by fork or as the first one; exit.c is how they end. */
#include "calls.h"

/* What a child has of its parent's, and what it begins anew. */
static struct task task_of_child(const struct task *parent)
{
    return (struct task){
        .user = parent->user, .group = parent->group, .umask = parent->umask, .nice = parent->nice,
        .exit_signal = SIGCHLD, .altstack = parent->altstack, .start_ns = now(),
        .tls = { parent->tls[0], parent->tls[1], parent->tls[2] },
    };
}

/* A child, not yet runnable, with everything of its parent but memory; 0 when there is none. */
static struct proc *copy_process(struct proc *p)
{
    struct proc *child = proc_new(pid_unused());
    struct sigact act;

    if (!child)
        return 0;
    for (int signo = 1; sig_any(p) && signo <= NSIG; signo++)
        if (sig_action(p, signo, &act) && !sig_set_action(child, signo, &act)) {
            proc_delete(child);
            return 0;
        }
    child->task = task_of_child(&p->task);
    fpu_store();
    if (!xmm_copy(child, p)) {
        proc_delete(child);
        return 0;
    }
    memcpy(child->fpu, p->fpu, sizeof child->fpu);
    child->used_fpu = p->used_fpu;
    child->frame = p->frame;
    child->frame.eax = 0;
    child->sig_mask = p->sig_mask;
    memcpy(child->name, p->name, sizeof child->name);
    child->ppid = p->pid, child->pgrp = p->pgrp, child->sid = p->sid;
    return child;
}

static bool copy_memory(struct proc *child, struct proc *p)
{
    if (aspace_new(&child->as) && aspace_copy(&child->as, &p->as))
        return true;
    aspace_delete(&child->as);
    return false;
}

/* vfork: the child has the parent's memory, and the parent none until it gets it back. */
static void lend_memory(struct proc *child, struct proc *p)
{
    child->as = p->as;
    memset(&p->as, 0, sizeof p->as);
}

/* Who waits in vfork for p; 0: nobody, or it has been killed meanwhile. */
struct proc *vfork_waiter(struct proc *p)
{
    struct proc *parent = p->task.vfork_parent ? proc_find(p->task.vfork_parent) : 0;
    bool waits = parent && parent->wait.kind == SSM_WAIT_VFORK && parent->wait.obj == p->pid;

    return waits ? parent : 0;
}

/* At the end of p, or of its being what its parent is: the parent goes on. Whether p's memory was
   the parent's, and has gone back to it. */
bool process_return_memory(struct proc *p)
{
    struct proc *parent = vfork_waiter(p);
    bool borrowed;

    p->task.vfork_parent = 0;
    if (!parent)
        return false;
    borrowed = !vma_first(&parent->as);
    if (borrowed) {
        aspace_delete(&parent->as);
        lend_memory(parent, p);
    }
    proc_wake(parent);
    return borrowed;
}

static const uint32_t no_arguments[6];

/* fork, vfork and clone, which alone has arguments. There are no threads. */
static int make_child(struct proc *p, uint32_t flags, const uint32_t a[6])
{
    const uint32_t known = CSIGNAL | CLONE_VM | CLONE_VFORK | CLONE_SETTLS | CLONE_PARENT_SETTID
                           | CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID;
    struct proc *child;
    int error = 0;

    if (p->wait.restart_nr)
        return (int)p->wait.obj; /* vfork, whose child needs our memory no more */
    if ((flags & ~known) || (flags & (CLONE_VM | CLONE_VFORK)) == CLONE_VM
        || (flags & CSIGNAL) > NSIG)
        return -EINVAL;
    child = copy_process(p);
    if (!child)
        return proc_count() >= NPROC ? -EAGAIN : -ENOMEM;
    child->task.exit_signal = flags & CSIGNAL;
    if (a[1])
        child->frame.esp = a[1];
    if (flags & CLONE_SETTLS)
        error = tls_set(child, a[3], false);
    if (!error && (flags & CLONE_PARENT_SETTID) && copy_out(a[2], &child->pid, sizeof child->pid))
        error = -EFAULT;
    if (!error && !(flags & CLONE_VM) && !copy_memory(child, p))
        error = -ENOMEM;
    if (error) {
        proc_delete(child);
        return error;
    }
    if (flags & CLONE_VM)
        lend_memory(child, p);
    if (flags & CLONE_CHILD_SETTID)
        aspace_write(&child->as, a[4], &child->pid, sizeof child->pid);
    fds_copy(child, p);
    proc_continue(child);
    if (!(flags & CLONE_VFORK))
        return (int)child->pid;
    child->task.vfork_parent = p->pid;
    proc_block(p, SSM_WAIT_VFORK, child->pid);
    return BLOCKED;
}

int sys_fork(struct proc *p, const uint32_t a[6])
{
    (void)a;
    return make_child(p, SIGCHLD, no_arguments);
}

int sys_vfork(struct proc *p, const uint32_t a[6])
{
    (void)a;
    return make_child(p, SIGCHLD | CLONE_VM | CLONE_VFORK, no_arguments);
}

/* flags, the child's stack, where its number goes, its segment, where its number goes there. */
int sys_clone(struct proc *p, const uint32_t a[6])
{
    return make_child(p, a[0], a);
}

/* The first process: the words behind `init=` on the kernel's command line, else /bin/init. */
void process_spawn_init(const char *cmdline)
{
    static char line[1024];
    struct proc *p = proc_new(1);
    uint32_t words = 0, len = 0;
    const char *at = cmdline;
    struct file *file = file_new(0, SSM_FILE_TTY, O_RDWR);
    int error;

    while (*at && strncmp(at, "init=", 5))
        at++;
    at = *at ? at + 5 : "/bin/init";
    while (*at && len < sizeof line - 1) {
        while (*at && *at != ' ' && len < sizeof line - 1)
            line[len++] = *at++;
        line[len++] = 0;
        words++;
        while (*at == ' ')
            at++;
    }
    if (!p || !file || !aspace_new(&p->as))
        panic("no memory for the first process");
    p->task.umask = 022, p->task.start_ns = now();
    for (uint32_t fd = 0; fd < 3; fd++)
        fd_set(p, fd, file, false);
    file->refs = 3;
    file->tty = console;
    file->inode = inode_hold(path_lookup("dev/console"));
    p->cwd = inode_hold(root());
    error = exec(p, line, words, 0, line, len);
    if (error)
        panic("%s cannot be started: error %d", line, -error);
    proc_continue(p);
}
