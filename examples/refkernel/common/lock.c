/* Advisory locks: flock(2), held by an open file, and fcntl(2), held by a process for a range of
   bytes. The two do not see each other. */
#include "calls.h"

#define TO_THE_END (~0ull)

static struct lock *locks;
static struct pool lock_pool = { .size = sizeof(struct lock) };

struct lock *lock_first(void) { return locks; }

/* What is locked: two open files of one inode are one. */
static const void *object_of(const struct file *file)
{
    if (file_is_named(file))
        return file->inode;
    return file->kind == SSM_FILE_TIMER ? (const void *)file : file->pipe;
}

/* In the order of the map: by file, holder and first byte; false when there is no memory. */
bool lock_add(const struct lock *what)
{
    struct lock *lock = pool_take(&lock_pool), **at = &locks;

    if (!lock)
        return false;
    *lock = *what;
    while (*at && ((*at)->file->id < lock->file->id
                   || ((*at)->file == lock->file
                       && ((*at)->pid < lock->pid
                           || ((*at)->pid == lock->pid && (*at)->start < lock->start)))))
        at = &(*at)->next;
    lock->next = *at;
    *at = lock;
    return true;
}

static struct lock *lock_remove(struct lock **at)
{
    struct lock *lock = *at;

    *at = lock->next;
    pool_give(&lock_pool, lock);
    return *at;
}

/* Whoever waits for a lock looks again. */
static void wake_waiters(void)
{
    for (struct proc *p = proc_first(); p; p = proc_after(p))
        if (p->state == P_BLOCKED
            && (p->wait.kind == SSM_WAIT_FLOCK || p->wait.kind == SSM_WAIT_POSIX_LOCK))
            proc_wake(p);
}

/* pid 0: of flock, where the open file is the holder. */
static bool is_same_holder(const struct lock *a, const struct lock *b)
{
    return a->pid ? a->pid == b->pid : !b->pid && a->file == b->file;
}

static struct lock *conflict(const struct lock *wanted)
{
    for (struct lock *each = locks; each; each = each->next)
        if (object_of(each->file) == object_of(wanted->file) && !each->pid == !wanted->pid
            && !is_same_holder(each, wanted) && each->start < wanted->end
            && wanted->start < each->end && (each->write || wanted->write))
            return each;
    return 0;
}

int sys_flock(struct proc *p, const uint32_t a[6])
{
    struct lock wanted = { .file = fd_file(p, a[0]), .write = (a[1] & ~LOCK_NB) == LOCK_EX,
                           .end = TO_THE_END };
    uint32_t what = a[1] & ~(uint32_t)LOCK_NB;

    if (!wanted.file)
        return -EBADF;
    if (what != LOCK_SH && what != LOCK_EX && what != LOCK_UN)
        return -EINVAL;
    for (struct lock **at = &locks; *at;) {
        if ((*at)->pid || (*at)->file != wanted.file) {
            at = &(*at)->next;
        } else if (what != LOCK_UN && (*at)->write == wanted.write) {
            return 0;
        } else {
            lock_remove(at);
            wake_waiters();
        }
    }
    if (what == LOCK_UN)
        return 0;
    if (conflict(&wanted)) {
        if (a[1] & LOCK_NB)
            return -EAGAIN;
        proc_block(p, SSM_WAIT_FLOCK, wanted.file->id);
        return BLOCKED;
    }
    return lock_add(&wanted) ? 0 : -ENOLCK;
}

/* p's range, of the type wanted or of none; what it touches of the same type becomes one. */
static int set_range(struct lock wanted, bool unlock)
{
    for (struct lock **at = &locks; *at;) {
        struct lock each = **at;
        if (object_of(each.file) != object_of(wanted.file) || !each.pid
            || !is_same_holder(&each, &wanted)) {
            at = &(*at)->next;
        } else if (!unlock && each.write == wanted.write && each.start <= wanted.end
                   && wanted.start <= each.end) {
            wanted.start = MIN(wanted.start, each.start);
            wanted.end = MAX(wanted.end, each.end);
            lock_remove(at);
        } else if (each.start < wanted.end && wanted.start < each.end) {
            struct lock left = each, right = each;
            left.end = wanted.start, right.start = wanted.end;
            lock_remove(at);
            if ((left.start < left.end && !lock_add(&left))
                || (right.start < right.end && !lock_add(&right)))
                return -ENOLCK;
            at = &locks; /* what is left does not touch the range any more */
        } else {
            at = &(*at)->next;
        }
    }
    wake_waiters();
    return unlock || lock_add(&wanted) ? 0 : -ENOLCK;
}

/* Whether `holder` waits, over however many others, for p. wait.progress is whom one waits for. */
static bool waits_for(uint32_t holder, const struct proc *p)
{
    for (uint32_t n = 0; n < NPROC; n++) {
        struct proc *each = proc_find(holder);
        if (each == p)
            return true;
        if (!each || each->wait.kind != SSM_WAIT_POSIX_LOCK)
            return false;
        holder = each->wait.progress;
    }
    return false;
}

static int range_in(struct proc *p, struct file *file, const struct abi_flock64 *user,
                    struct lock *wanted)
{
    int64_t start = user->start, end;

    if (user->whence == 1)
        start += (int64_t)file->offset;
    else if (user->whence == 2 && file_is_named(file))
        start += file->inode->size;
    else if (user->whence)
        return -EINVAL;
    end = start + user->len;
    if (user->len < 0) { /* the bytes before */
        end = start;
        start += user->len;
    }
    if (start < 0 || user->type < F_RDLCK || user->type > F_UNLCK)
        return -EINVAL;
    *wanted = (struct lock){ .file = file, .pid = p->pid, .write = user->type == F_WRLCK,
                             .start = (uint64_t)start,
                             .end = user->len ? (uint64_t)end : TO_THE_END };
    return 0;
}

/* fcntl with one of the six commands about locks; `at`: the user's struct flock or flock64. */
int lock_fcntl(struct proc *p, struct file *file, uint32_t command, uint32_t at)
{
    bool wide = command >= F_GETLK64;
    uint32_t what = wide ? command - F_GETLK64 : command - F_GETLK, mode = file->flags & O_ACCMODE;
    struct abi_flock64 user;
    struct abi_flock old;
    struct lock wanted, *found;
    int error = copy_in(wide ? (void *)&user : &old, at, wide ? sizeof user : sizeof old);

    if (error)
        return error;
    if (!wide)
        user = (struct abi_flock64){ old.type, old.whence, old.start, old.len, old.pid };
    error = range_in(p, file, &user, &wanted);
    if (error)
        return error;
    if (what && user.type != F_UNLCK && mode != O_RDWR
        && mode != (wanted.write ? O_WRONLY : O_RDONLY))
        return -EBADF;
    found = user.type == F_UNLCK ? 0 : conflict(&wanted);
    if (what) {
        if (!found)
            return set_range(wanted, user.type == F_UNLCK);
        if (what == F_SETLK - F_GETLK)
            return -EAGAIN;
        if (waits_for(found->pid, p))
            return -EDEADLK;
        p->wait.progress = found->pid;
        proc_block(p, SSM_WAIT_POSIX_LOCK, file->id);
        return BLOCKED;
    }
    user.type = F_UNLCK;
    if (found)
        user = (struct abi_flock64){
            found->write ? F_WRLCK : F_RDLCK, 0, (int64_t)found->start,
            found->end == TO_THE_END ? 0 : (int64_t)(found->end - found->start), (int32_t)found->pid,
        };
    old = (struct abi_flock){ user.type, user.whence, (int32_t)user.start, (int32_t)user.len,
                              user.pid };
    return copy_out(at, wide ? (void *)&user : &old, wide ? sizeof user : sizeof old);
}

/* p has closed a descriptor: whichever it was, p's locks on the file go. */
void lock_fd_closed(struct proc *p, struct file *file)
{
    bool gone = false;

    for (struct lock **at = &locks; *at;)
        if ((*at)->pid == p->pid && object_of((*at)->file) == object_of(file))
            lock_remove(at), gone = true;
        else
            at = &(*at)->next;
    if (gone)
        wake_waiters();
}

/* The last descriptor of an open file is closed. */
void lock_file_gone(struct file *file)
{
    bool gone = false;

    for (struct lock **at = &locks; *at;)
        if ((*at)->file == file)
            lock_remove(at), gone = true;
        else
            at = &(*at)->next;
    if (gone)
        wake_waiters();
}
