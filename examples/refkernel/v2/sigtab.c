/* Signals of a process: a list of the actions that are set, and one of what those that wait for it
   tell. */
#include "kernel.h"

static struct pool sig_pool = { .size = sizeof(struct sigact) };
static struct pool queue_pool = { .size = sizeof(struct queued) };

/* Where the list of actions points to that of a signal, or to its end. */
static struct sigact **find_action(struct proc *p, int signo)
{
    struct sigact **at = &p->actions;

    while (*at && (*at)->signo != signo)
        at = &(*at)->next;
    return at;
}

/* The action of a signal; false when nothing has been set. */
bool sig_action(struct proc *p, int signo, struct sigact *act)
{
    static const struct sigact none;
    struct sigact *found = *find_action(p, signo);

    *act = found ? *found : none;
    return found != 0;
}

/* false when there is no memory for it. */
bool sig_set_action(struct proc *p, int signo, const struct sigact *act)
{
    struct sigact **at = find_action(p, signo), *found = *at;

    if (!act->handler && !act->flags) {
        if (found) {
            *at = found->next;
            pool_give(&sig_pool, found);
        }
        return true;
    }
    if (!found) {
        found = pool_take(&sig_pool);
        if (!found)
            return false;
        *at = found;
    }
    struct sigact *next = found->next;
    *found = *act;
    found->next = next;
    found->signo = (uint8_t)signo;
    return true;
}

/* Whether one of its signals has another action than the default. */
bool sig_any(struct proc *p) { return p->actions != 0; }

/* Back to the default, all of them. */
void sig_forget(struct proc *p)
{
    while (p->actions) {
        struct sigact *act = p->actions;
        p->actions = act->next;
        pool_give(&sig_pool, act);
    }
}

/* Where the list of what signals tell points to the n-th, or to its end. */
static struct queued **find_queued(struct proc *p, uint32_t n)
{
    struct queued **at = &p->sigqueue;

    while (*at && n--)
        at = &(*at)->next;
    return at;
}

/* Notes what a signal tells; false when there is no room, and it is then pending without. */
bool sig_queue(struct proc *p, const struct siginfo *info)
{
    uint32_t n = 0;
    struct queued **at = &p->sigqueue, *last;

    for (; *at; at = &(*at)->next)
        n++;
    last = n < NQUEUED ? pool_take(&queue_pool) : 0;
    if (!last)
        return false;
    last->info = *info;
    *at = last;
    return true;
}

/* The n-th in the order they came, 0 behind the last. */
const struct siginfo *sig_queued(struct proc *p, uint32_t n)
{
    struct queued *found = *find_queued(p, n);

    return found ? &found->info : 0;
}

/* Forgets the n-th. */
void sig_unqueue(struct proc *p, uint32_t n)
{
    struct queued **at = find_queued(p, n), *found = *at;

    *at = found->next;
    pool_give(&queue_pool, found);
}
