/* Thread-local storage: three segments a program may describe for itself, at the selectors Linux
   i386 has them. Intel486 Processor Family Programmer's Reference, 5.1.3 (segment descriptors). */
#include "calls.h"

enum { FIRST = 6, COUNT = 3 }; /* entries of the GDT */

/* struct abi_user_desc's bits */
enum { SEG_32BIT = 1, CONTENTS = 6, READ_ONLY = 8, IN_PAGES = 16, NOT_PRESENT = 32, USEABLE = 64,
       EXPAND_DOWN = 2, EMPTY = READ_ONLY | NOT_PRESENT };

/* 0 for a segment there is not; *ok: whether it is one a program may have. */
static uint64_t descriptor_of(const struct abi_user_desc *user, bool *ok)
{
    uint8_t access = 0xF0 | (user->bits & EXPAND_DOWN ? 4 : 0) | (user->bits & READ_ONLY ? 0 : 2);
    uint8_t flags = 4 | (user->bits & IN_PAGES ? 8 : 0) | (user->bits & USEABLE ? 1 : 0);

    *ok = true;
    if (user->bits == EMPTY && !user->base && !user->limit)
        return 0;
    *ok = (user->bits & SEG_32BIT) && (user->bits & CONTENTS) <= EXPAND_DOWN
          && !(user->bits & NOT_PRESENT);
    return segment_descriptor(user->base, user->limit, access, flags);
}

static struct abi_user_desc description_of(uint32_t entry, uint64_t from)
{
    uint32_t low = (uint32_t)from, high = (uint32_t)(from >> 32);

    if (!from)
        return (struct abi_user_desc){ entry, 0, 0, EMPTY };
    return (struct abi_user_desc){
        .entry = entry,
        .base = low >> 16 | (high & 0xFF) << 16 | (high & 0xFF000000u),
        .limit = (low & 0xFFFF) | (high & 0xF0000),
        .bits = SEG_32BIT | (high >> 9 & CONTENTS & EXPAND_DOWN) | (high & 1 << 9 ? 0 : READ_ONLY)
                | (high & 1 << 23 ? IN_PAGES : 0) | (high & 1 << 20 ? USEABLE : 0),
    };
}

/* Entry -1: the first that is free, which the caller is told. */
int tls_set(struct proc *p, uint32_t at, bool may_choose)
{
    struct abi_user_desc user;
    uint64_t descriptor;
    uint32_t n;
    bool ok;

    if (copy_in(&user, at, sizeof user))
        return -EFAULT;
    n = user.entry - FIRST;
    if (user.entry == ~0u && may_choose) {
        for (n = 0; n < COUNT && p->task.tls[n]; n++)
            ;
        if (n == COUNT)
            return -ESRCH;
        user.entry = FIRST + n;
        if (copy_out(at, &user.entry, sizeof user.entry))
            return -EFAULT;
    }
    descriptor = descriptor_of(&user, &ok);
    if (n >= COUNT || !ok)
        return -EINVAL;
    p->task.tls[n] = descriptor;
    segment_tls(p->task.tls);
    check_selectors(p);
    return 0;
}

int sys_set_thread_area(struct proc *p, const uint32_t a[6])
{
    return tls_set(p, a[0], true);
}

int sys_get_thread_area(struct proc *p, const uint32_t a[6])
{
    struct abi_user_desc user;

    if (copy_in(&user, a[0], sizeof user))
        return -EFAULT;
    if (user.entry < FIRST || user.entry >= FIRST + COUNT)
        return -EINVAL;
    user = description_of(user.entry, p->task.tls[user.entry - FIRST]);
    return copy_out(a[0], &user, sizeof user);
}

/* What a program may have in a data segment register; anything else would be our fault on the way
   back to it. */
static uint32_t checked(const struct proc *p, uint32_t selector)
{
    uint32_t index = (selector & 0xFFFF) >> 3;

    selector = (selector & 0xFFFF) | 3;
    if (selector == USER_DS || selector == USER_CS)
        return selector;
    return index >= FIRST && index < FIRST + COUNT && !(selector & 4) && p->task.tls[index - FIRST]
           ? selector : 0;
}

void check_selectors(struct proc *p)
{
    struct trapframe *f = &p->frame;

    f->ds = checked(p, f->ds), f->es = checked(p, f->es);
    f->fs = checked(p, f->fs), f->gs = checked(p, f->gs);
}
