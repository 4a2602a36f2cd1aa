/* What the files of /proc say (proc(5)), as far as ps, free, uptime and their like read it. */
#include "kernel.h"

static char at[8192];

static uint32_t kib(uint32_t frames) { return frames * (PAGE / 1024); }
static uint32_t ticks(uint64_t ns) { return (uint32_t)(ns / (NS_PER_S / USER_HZ)); }

static void say_uptime(struct text *to)
{
    uint32_t hundredths = ticks(uptime());

    format(to, "%u.%02u 0.00\n", hundredths / 100, hundredths % 100);
}

static void say_memory(struct text *to)
{
    format(to, "MemTotal: %8u kB\nMemFree:  %8u kB\nMemAvailable: %4u kB\nBuffers:         0 kB\n"
           "Cached:   %8u kB\nSwapCached:      0 kB\nShmem:    %8u kB\nSReclaimable:    0 kB\n"
           "SwapTotal:       0 kB\nSwapFree:        0 kB\n",
           kib(frames_total), kib(frames_free()), kib(frames_free()), kib(tmpfs_pages()),
           kib(tmpfs_pages()));
}

static char letter_of(const struct proc *p)
{
    switch (p->state) {
    case P_RUNNABLE: return 'R';
    case P_STOPPED: return 'T';
    case P_ZOMBIE: return 'Z';
    default: return 'S';
    }
}

static void say_load(struct text *to)
{
    uint32_t running = 0;

    for (struct proc *p = proc_first(); p; p = proc_after(p))
        running += p->state == P_RUNNABLE;
    format(to, "0.00 0.00 0.00 %u/%u %u\n", running, proc_count(), current->pid);
}

static void say_machine(struct text *to)
{
    uint64_t user = 0, system = 0;

    for (struct proc *p = proc_first(); p; p = proc_after(p))
        user += p->utime_ns, system += p->stime_ns;
    format(to, "cpu  %u 0 %u %u 0 0 0 0 0 0\nbtime %u\n", ticks(user), ticks(system),
           ticks(uptime() - MIN(uptime(), user + system)),
           (uint32_t)((real_time() - uptime()) / NS_PER_S));
}

static void measure(struct proc *p, uint32_t *size, uint32_t *resident)
{
    *size = *resident = 0;
    for (struct vma *vma = vma_first(&p->as); p->state != P_ZOMBIE && vma;
         vma = vma_after(&p->as, vma)) {
        struct run run = { .vaddr = vma->start };
        *size += vma->end - vma->start;
        while (aspace_next_run(&p->as, &run, vma->end))
            *resident += run.n;
    }
}

static void say_stat(struct text *to, struct proc *p)
{
    uint32_t size, resident;

    measure(p, &size, &resident);
    format(to, "%u (%s) %c %u %u %u %u %d 0 0 0 0 0 %u %u 0 0 20 0 1 0 %u %u %u 4294967295", p->pid,
           p->name, letter_of(p), p->ppid, p->pgrp, p->sid, p->tty ? p->tty->rdev : 0,
           p->tty ? (int)p->tty->pgrp : -1, ticks(p->utime_ns), ticks(p->stime_ns), 0, size,
           resident);
    format(to, " 0 0 0 0 0 %u %u 0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 %u\n",
           (uint32_t)p->sig_pending, (uint32_t)p->sig_mask, p->exit_code);
}

static void say_status(struct text *to, struct proc *p)
{
    uint32_t size, resident;

    measure(p, &size, &resident);
    format(to, "Name:\t%s\nState:\t%c\nTgid:\t%u\nPid:\t%u\nPPid:\t%u\n"
           "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n",
           p->name, letter_of(p), p->pid, p->pid, p->ppid);
    format(to, "VmSize:\t%u kB\nVmRSS:\t%u kB\nSigPnd:\t%08x%08x\nSigBlk:\t%08x%08x\n", size / 1024,
           kib(resident), (uint32_t)(p->sig_pending >> 32), (uint32_t)p->sig_pending,
           (uint32_t)(p->sig_mask >> 32), (uint32_t)p->sig_mask);
}

static void say_maps(struct text *to, struct proc *p)
{
    for (struct vma *vma = vma_first(&p->as); p->state != P_ZOMBIE && vma;
         vma = vma_after(&p->as, vma))
        format(to, "%08x-%08x %c%c%cp 00000000 00:00 0%s\n", vma->start, vma->end,
               vma->prot & PROT_READ ? 'r' : '-', vma->prot & PROT_WRITE ? 'w' : '-',
               vma->prot & PROT_EXEC ? 'x' : '-',
               vma->kind == SSM_VMA_STACK ? "                          [stack]"
               : vma->kind == SSM_VMA_HEAP ? "                          [heap]" : "");
}

/* Reads it as it is now; -ESRCH: of a process that is gone. */
int procfs_read(const struct inode *inode, uint64_t offset, uint32_t to, uint32_t len)
{
    struct text text = { at, 0, sizeof at };
    struct proc *p = procfs_pid(inode) ? proc_find(procfs_pid(inode)) : 0;

    if (procfs_pid(inode) && !p)
        return -ESRCH;
    switch (procfs_what(inode)) {
    case PROC_UPTIME: say_uptime(&text); break;
    case PROC_MEMINFO: say_memory(&text); break;
    case PROC_MOUNTS:
        format(&text, "rootfs / rootfs ro 0 0\nproc /proc proc rw 0 0\ntmpfs /tmp tmpfs "
               "rw,noexec,nodev,noatime,size=%uk 0 0\n", kib(tmpfs_pages_max()));
        break;
    case PROC_STAT: say_machine(&text); break;
    case PROC_LOADAVG: say_load(&text); break;
    case PROC_VERSION: format(&text, "refkernel version " VERSION " #1\n"); break;
    case PROC_CMDLINE: format(&text, "%s\n", kernel_cmdline); break;
    case PROC_PID_STAT: say_stat(&text, p); break;
    case PROC_PID_MAPS: say_maps(&text, p); break;
    case PROC_PID_CMDLINE:
        format(&text, "%s", p->name);
        at[text.len++] = 0;
        break;
    case PROC_PID_STATUS: say_status(&text, p); break;
    }
    if (offset >= text.len)
        return 0;
    len = MIN(len, text.len - (uint32_t)offset);
    return copy_out(to, at + offset, len) ? -EFAULT : (int)len;
}
