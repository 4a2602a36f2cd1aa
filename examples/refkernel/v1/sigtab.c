/* Signals of a process: a table of actions, and one of what those that wait for it tell; each is
   made when it is needed. */
#include "kernel.h"

static struct pool sig_pool = { .size = sizeof(struct sigtable) };
static struct pool queue_pool = { .size = sizeof(struct sigqueue) };

/* The action of a signal; false when nothing has been set. */
bool sig_action(struct proc *p, int signo, struct sigact *act)
{
    static const struct sigact none;

    *act = p->sig ? p->sig->action[signo - 1] : none;
    return act->handler || act->flags;
}

/* false when there is no memory for it. */
bool sig_set_action(struct proc *p, int signo, const struct sigact *act)
{
    if (!p->sig && !act->handler && !act->flags)
        return true;
    if (!p->sig)
        p->sig = pool_take(&sig_pool);
    if (!p->sig)
        return false;
    p->sig->action[signo - 1] = *act;
    return true;
}

/* Whether one of its signals may have another action than the default. */
bool sig_any(struct proc *p) { return p->sig != 0; }

/* Back to the default, all of them. */
void sig_forget(struct proc *p)
{
    if (p->sig)
        pool_give(&sig_pool, p->sig);
    p->sig = 0;
}

/* Notes what a signal tells; false when there is no room, and it is then pending without. */
bool sig_queue(struct proc *p, const struct siginfo *info)
{
    if (!p->sigqueue)
        p->sigqueue = pool_take(&queue_pool);
    if (!p->sigqueue || p->sigqueue->count == NQUEUED)
        return false;
    p->sigqueue->info[p->sigqueue->count++] = *info;
    return true;
}

/* The n-th in the order they came, 0 behind the last. */
const struct siginfo *sig_queued(struct proc *p, uint32_t n)
{
    return p->sigqueue && n < p->sigqueue->count ? &p->sigqueue->info[n] : 0;
}

/* Forgets the n-th. */
void sig_unqueue(struct proc *p, uint32_t n)
{
    struct siginfo *at = &p->sigqueue->info[n];

    p->sigqueue->count--;
    memmove(at, at + 1, (p->sigqueue->count - n) * sizeof *at);
    if (!p->sigqueue->count) {
        pool_give(&queue_pool, p->sigqueue);
        p->sigqueue = 0;
    }
}
