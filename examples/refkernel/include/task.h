/* What both kernels keep of a process in the same way. */
#ifndef TASK_H
#define TASK_H
#include <stdbool.h>
#include <stdint.h>

/* User or group numbers of a process. */
struct ids { uint32_t real, effective, saved, fs; };

/* Memory set aside for signal handlers; size 0: none. */
struct altstack { uint32_t sp, size; };

/* What a signal tells its handler; value: an address, an exit status, or the sender's word. */
struct siginfo { uint32_t signo; int32_t code; uint32_t pid, uid, value; };

/* setitimer on a process's own CPU time: ns of it that are left, 0: not armed. */
struct cputimer { uint64_t left, period; };

/* All of it begins as zeros and goes to a child as copy_process() says. */
struct task {
    struct ids user, group;
    uint32_t umask;
    int32_t nice;
    uint32_t exit_signal;  /* to its parent at its end */
    uint32_t vfork_parent; /* whose memory it has borrowed */
    uint32_t stop_signal;  /* that has stopped it, 0: none */
    uint32_t unreported;   /* WAIT_STOP, WAIT_CONTINUE: what wait4 has not told yet */
    uint32_t faults;       /* page faults */
    bool did_exec;
    struct altstack altstack;
    struct cputimer virtual, prof;
    uint64_t cutime_ns, cstime_ns; /* of the children it has waited for */
    uint64_t start_ns;             /* now() at its beginning */
    uint64_t tls[3];               /* descriptors of set_thread_area */
    struct xmm *xmm;               /* xmm.c; none without SSE, or before it has used the FPU */
};
enum { WAIT_STOP = 1, WAIT_CONTINUE = 2 };
#endif
