/* File locks held and waited for: locker [MS]. They are held that long, over a switchover, by us; a
   child each waits for them meanwhile. */
#include "posix.h"

const char name[] = "locker";

static const char path[] = "/tmp/locked";

static struct flock64 range(int type, u32 start, u32 len)
{
    return (struct flock64){ (short)type, 0, start, len, 0 };
}

static int set(int fd, int how, int type, u32 start, u32 len)
{
    struct flock64 lock = range(type, start, len);

    return fcntl(fd, how, &lock);
}

/* Whose lock is in the way of writing there; 0: nobody's. */
static int holder(int fd, u32 start, u32 len)
{
    struct flock64 lock = range(F_WRLCK, start, len);

    check(fcntl(fd, F_GETLK64, &lock) == 0, "F_GETLK");
    return lock.type == F_UNLCK ? 0 : lock.pid;
}

void run(void)
{
    u32 ms = argument(1, 200);
    int fd = open_mode(path, O_RDWR | O_CREAT, 0600), other, whole, part, parent = getpid(), status;
    u64 start = monotonic();

    check(fd >= 0, "open gives %d", fd);
    other = open(path, O_RDWR);
    check(flock(fd, LOCK_EX) == 0, "flock");
    check(flock(other, LOCK_SH | LOCK_NB) == -EAGAIN, "a second open file gets a lock, too");
    check(set(fd, F_SETLK64, F_WRLCK, 0, 100) == 0, "a lock of 0 to 99");
    check(set(fd, F_SETLK64, F_UNLCK, 40, 20) == 0, "40 to 59 free again");
    check(set(fd, F_SETLK64, F_RDLCK, 200, 0) == 0, "a lock for reading from 200 to the end");
    whole = spawn();
    if (!whole) {
        int mine = open(path, O_RDWR);
        check(flock(mine, LOCK_EX) == 0, "the child's flock");
        check(monotonic() - start >= (u64)ms * MS, "flock was granted too early");
        exit(21);
    }
    part = spawn();
    if (!part) {
        check(set(fd, F_SETLK64, F_WRLCK, 40, 20) == 0, "what is free between");
        check(set(fd, F_SETLK64, F_WRLCK, 30, 1) == -EAGAIN, "what is not free");
        check(set(fd, F_SETLK64, F_RDLCK, 1000, 1) == 0, "a second lock for reading");
        check(holder(fd, 90, 1) == parent, "0 to 99 belongs to another");
        check(set(fd, F_SETLKW64, F_WRLCK, 0, 100) == 0, "the child's range");
        check(monotonic() - start >= (u64)ms * MS, "the range was granted too early");
        exit(21);
    }
    sleep_ms(ms);
    check(holder(fd, 50, 1) == part, "50 belongs to %d", holder(fd, 50, 1));
    check(set(fd, F_SETLKW64, F_WRLCK, 50, 1) == -EDEADLK, "a deadlock is not seen");
    check(wait4(-1, &status, WNOHANG) == 0, "a child has got a lock that was held");
    check(flock(other, LOCK_EX | LOCK_NB) == -EAGAIN, "the lock of the file is gone");
    check(flock(fd, LOCK_UN) == 0, "unlock");
    check(set(fd, F_SETLK64, F_UNLCK, 0, 0) == 0, "unlock of all ranges");
    reap(whole, 21);
    reap(part, 21);
    check(holder(fd, 0, 0) == 0, "a lock outlives its process");
}
