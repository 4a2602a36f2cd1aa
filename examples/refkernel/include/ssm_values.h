/* Save State Map 1.1: values of fields. Little endian, packed.
 * Generated from switchover/schema.py, records*.py and protocol.py by
 * `python -m hotswap.switchover.c_header FOLDER`: change these, not this file. */
#ifndef SSM_VALUES_H
#define SSM_VALUES_H

/* PROC.state. */
#define SSM_STATE_RUNNABLE       0       /* running or waiting for the CPU */
#define SSM_STATE_BLOCKED        1       /* waits for what wait_kind says */
#define SSM_STATE_ZOMBIE         2       /* has ended, not waited for yet */
#define SSM_STATE_STOPPED        3       /* stopped by a signal; wait_kind is what it waits for once it is continued */

/* PROC.wait_kind, what a blocked process waits for; in brackets what wait_obj then holds. */
#define SSM_WAIT_NONE            0       /* nothing */
#define SSM_WAIT_SLEEP           1       /* nanosleep: the rest is in TIMER (0) */
#define SSM_WAIT_PIPE_READ       2       /* bytes in a pipe (pipe id) */
#define SSM_WAIT_PIPE_WRITE      3       /* room in a pipe (pipe id); progress = bytes already moved */
#define SSM_WAIT_TTY_READ        4       /* input from a terminal (TTY.tty, 0 is the first) */
#define SSM_WAIT_WAIT4           5       /* a child to end (the pid argument, sign extended) */
#define SSM_WAIT_PAUSE           6       /* a signal (0) */
#define SSM_WAIT_TIMER_READ      7       /* a timerfd to expire (file_id) */
#define SSM_WAIT_POLL            8       /* poll: a file to be ready (0); since 1.1, as all that follow */
#define SSM_WAIT_SELECT          9       /* select: a file to be ready (0) */
#define SSM_WAIT_TTY_WRITE       10      /* room in a terminal's output (TTY.tty); progress = bytes already moved */
#define SSM_WAIT_TTY_DRAIN       11      /* a terminal's output to be sent (TTY.tty) */
#define SSM_WAIT_TTY_STOP        12      /* a terminal to be its own, as a background process (TTY.tty) */
#define SSM_WAIT_FLOCK           13      /* flock: the lock of an open file (file_id) */
#define SSM_WAIT_POSIX_LOCK      14      /* fcntl F_SETLKW: a range of a file (file_id); progress = pid that holds it */
#define SSM_WAIT_SIGSUSPEND      15      /* a signal; RESTART.saved_mask comes back after it (0) */
#define SSM_WAIT_SIGTIMEDWAIT    16      /* one of a set of signals (the set, bit n-1 = signal n) */
#define SSM_WAIT_VFORK           17      /* a child to execve or end (the child's pid) */

/* TASK.wait_flags: what the parent has not been told by wait4 yet. */
#define SSM_TASK_STOP            1       /* that it was stopped, by stop_signal */
#define SSM_TASK_CONTINUE        2       /* that it was continued */

/* RESTART.flags. */
#define SSM_RESTART_LEFT         1       /* the call has a time limit, left_ns is what is left of it */
#define SSM_RESTART_MASK         2       /* saved_mask is valid */

/* XSTATE.kind. */
#define SSM_XSTATE_FXSAVE        1       /* as fxsave stores it: XMM registers and MXCSR; the x87 is taken from PROC.fpu */

/* VMA.prot. */
#define SSM_PROT_READ            1
#define SSM_PROT_WRITE           2
#define SSM_PROT_EXECUTE         4

/* VMA.kind. */
#define SSM_VMA_ANON             0       /* anonymous memory */
#define SSM_VMA_FILE             1       /* a mapped file */
#define SSM_VMA_STACK            2       /* a stack */
#define SSM_VMA_SHARED           3       /* shared with other processes */
#define SSM_VMA_HEAP             4       /* brk_start to brk */

/* FRAME.kind. */
#define SSM_FRAME_PRIVATE        0       /* belongs to this process alone */
#define SSM_FRAME_SHARED         1       /* seen by several processes */
#define SSM_FRAME_COW            2       /* shared until someone writes */
#define SSM_FRAME_RAMDISK        4       /* the initrd's frames: pid 0, vaddr 0 */
#define SSM_FRAME_TMP            5       /* a page of /tmp: pid 0, vaddr from INODE on; since 1.1 */

/* FILE.kind; in brackets what dev_ino holds. */
#define SSM_FILE_REGULAR         0       /* a file of the initrd, named by its path (inode) */
#define SSM_FILE_TTY             1       /* a terminal (TTY.tty, 0xffffffff when it hung up); without TTY its path is the input */
#define SSM_FILE_PIPE_READ       2       /* the end to read from (pipe id) */
#define SSM_FILE_PIPE_WRITE      3       /* the end to write to (pipe id) */
#define SSM_FILE_TIMER           4       /* a timerfd (timer id) */
#define SSM_FILE_DIRECTORY       5       /* a directory of the initrd (inode) */
#define SSM_FILE_DEVICE          6       /* a character device such as /dev/null (major << 8 | minor); since 1.1 */
#define SSM_FILE_PROC            7       /* a file of /proc, named by its path (0); since 1.1 */
#define SSM_FILE_TMP             8       /* a file or directory of /tmp (INODE.ino); since 1.1 */

/* PIPE.flags, since 1.1; a writer that does not know them leaves them 0. */
#define SSM_PIPE_NO_READER       1       /* the end to read from is closed */
#define SSM_PIPE_NO_WRITER       2       /* the end to write to is closed */

/* TTY.flags. */
#define SSM_TTY_STOPPED          1       /* its output is stopped (^S) */
#define SSM_TTY_HUNG_UP          2       /* its other end is gone: reads give 0 bytes, writes EIO */
#define SSM_TTY_LITERAL_NEXT     4       /* the next character is taken as it is (^V) */

/* LOCK.kind. */
#define SSM_LOCK_FLOCK           1       /* flock: held by the open file; pid 0, all of the file */
#define SSM_LOCK_POSIX           2       /* fcntl: held by the process */

/* LOCK.type. */
#define SSM_LOCK_READ            1       /* shared */
#define SSM_LOCK_WRITE           2       /* exclusive */

/* TIMER.kind. */
#define SSM_TIMER_SLEEP          0       /* nanosleep of pid; cookie 0 */
#define SSM_TIMER_ITIMER_REAL    1       /* setitimer of pid; cookie 0 */
#define SSM_TIMER_TIMERFD        2       /* pid 0; cookie = file_id */
#define SSM_TIMER_ITIMER_VIRTUAL 3       /* setitimer of pid, its user time; cookie 0; since 1.1 */
#define SSM_TIMER_ITIMER_PROF    4       /* setitimer of pid, its user and kernel time; cookie 0; since 1.1 */

/* DEV.policy. */
#define SSM_DEV_CARRY            0       /* state, queue and lines go on as they are */
#define SSM_DEV_REINITIALISE     1       /* begins anew with its settings; its connections stay */
#define SSM_DEV_COLD_RESET       2       /* gets a RESET before the new kernel sees it */
#define SSM_DEV_REFUSE           3       /* no switchover while it is plugged in */

#endif
