/* System calls about users and groups, with Linux's rules (credentials(7), setresuid(2)): only who
   is effectively user 0 may become anybody; the others choose among the numbers they have. */
#include "calls.h"

#define KEEP (~0u)

static bool is_root(const struct proc *p) { return !p->task.user.effective; }

static bool has(const struct ids *ids, uint32_t id)
{
    return id == ids->real || id == ids->effective || id == ids->saved;
}

/* The numbers of the calls that have 16 bits. */
static uint32_t wide(uint32_t id) { return (id & 0xFFFF) == 0xFFFF ? KEEP : id & 0xFFFF; }
static int narrow(uint32_t id) { return id > 0xFFFF ? 65534 : (int)id; }

static int set(struct ids *ids, bool root, uint32_t id)
{
    if (id == KEEP)
        return -EINVAL;
    if (root)
        ids->real = ids->saved = id;
    else if (id != ids->real && id != ids->saved)
        return -EPERM;
    ids->effective = ids->fs = id;
    return 0;
}

static int set_re(struct ids *ids, bool root, uint32_t real, uint32_t effective)
{
    struct ids old = *ids;

    if (!root && ((real != KEEP && real != old.real && real != old.effective)
                  || (effective != KEEP && !has(&old, effective))))
        return -EPERM;
    ids->real = real != KEEP ? real : old.real;
    ids->effective = effective != KEEP ? effective : old.effective;
    if (real != KEEP || (effective != KEEP && effective != old.real))
        ids->saved = ids->effective;
    ids->fs = ids->effective;
    return 0;
}

static int set_res(struct ids *ids, bool root, uint32_t real, uint32_t effective, uint32_t saved)
{
    const uint32_t wish[3] = { real, effective, saved };

    for (int i = 0; i < 3; i++)
        if (wish[i] != KEEP && !root && !has(ids, wish[i]))
            return -EPERM;
    ids->real = real != KEEP ? real : ids->real;
    ids->effective = effective != KEEP ? effective : ids->effective;
    ids->saved = saved != KEEP ? saved : ids->saved;
    ids->fs = ids->effective;
    return 0;
}

/* The number there was, whatever comes of it. */
static uint32_t set_fs(struct ids *ids, bool root, uint32_t id)
{
    uint32_t old = ids->fs;

    if (id != KEEP && (root || has(ids, id) || id == ids->fs))
        ids->fs = id;
    return old;
}

static int get_res(const struct ids *ids, const uint32_t a[6], bool is_narrow)
{
    const uint32_t values[3] = { ids->real, ids->effective, ids->saved };

    for (int i = 0; i < 3; i++) {
        uint16_t word = (uint16_t)narrow(values[i]);
        if (is_narrow ? copy_out(a[i], &word, sizeof word)
                      : copy_out(a[i], &values[i], sizeof values[i]))
            return -EFAULT;
    }
    return 0;
}

#define CALL(name, result) \
    int sys_##name(struct proc *p, const uint32_t a[6]) { (void)p, (void)a; return (int)(result); }
#define USER p->task.user
#define GROUP p->task.group
#define ROOT is_root(p)

CALL(getuid16, narrow(USER.real))
CALL(geteuid16, narrow(USER.effective))
CALL(getgid16, narrow(GROUP.real))
CALL(getegid16, narrow(GROUP.effective))
CALL(getuid, USER.real)
CALL(geteuid, USER.effective)
CALL(getgid, GROUP.real)
CALL(getegid, GROUP.effective)
CALL(setuid16, set(&USER, ROOT, wide(a[0])))
CALL(setgid16, set(&GROUP, ROOT, wide(a[0])))
CALL(setuid, set(&USER, ROOT, a[0]))
CALL(setgid, set(&GROUP, ROOT, a[0]))
CALL(setreuid16, set_re(&USER, ROOT, wide(a[0]), wide(a[1])))
CALL(setregid16, set_re(&GROUP, ROOT, wide(a[0]), wide(a[1])))
CALL(setreuid, set_re(&USER, ROOT, a[0], a[1]))
CALL(setregid, set_re(&GROUP, ROOT, a[0], a[1]))
CALL(setresuid16, set_res(&USER, ROOT, wide(a[0]), wide(a[1]), wide(a[2])))
CALL(setresgid16, set_res(&GROUP, ROOT, wide(a[0]), wide(a[1]), wide(a[2])))
CALL(setresuid, set_res(&USER, ROOT, a[0], a[1], a[2]))
CALL(setresgid, set_res(&GROUP, ROOT, a[0], a[1], a[2]))
CALL(getresuid16, get_res(&USER, a, true))
CALL(getresgid16, get_res(&GROUP, a, true))
CALL(getresuid, get_res(&USER, a, false))
CALL(getresgid, get_res(&GROUP, a, false))
CALL(setfsuid16, narrow(set_fs(&USER, ROOT, wide(a[0]))))
CALL(setfsgid16, narrow(set_fs(&GROUP, ROOT, wide(a[0]))))
CALL(setfsuid, set_fs(&USER, ROOT, a[0]))
CALL(setfsgid, set_fs(&GROUP, ROOT, a[0]))

/* There are no supplementary groups: none can be had, and none be given. */
CALL(getgroups, (int)a[0] < 0 ? -EINVAL : 0)
CALL(setgroups, !ROOT ? -EPERM : a[0] ? -EINVAL : 0)
