/* Takes a Save State Map over into the kernel's own structures. Nothing but SCRATCH is written to:
   pages, and the initrd, stay where they are, and only their places are noted. */
#include "calls.h"
#include "fault.h"
#include "map.h"

/* There is no way but back: the host rolls back to the old kernel. */
void restore_fail(uint8_t reason, uint32_t value)
{
    record(SC_ACK_ERROR, reason, value);
    print("restore: reason %u, value %x\n", reason, value);
    sc_ack(SC_ACK_ERROR, reason, switchover_txn);
    halt_forever();
    __builtin_unreachable();
}

/* The process of a record that is not about the one before, nor the one behind it. */
struct proc *proc_elsewhere(uint32_t pid)
{
    struct proc *p = proc_find(pid);

    must(p, SC_REASON_BAD_MAP, pid);
    return p;
}

static void restore_regs(struct trapframe *f, const struct ssm_regs *from)
{
    f->eax = from->eax, f->ebx = from->ebx, f->ecx = from->ecx, f->edx = from->edx;
    f->esi = from->esi, f->edi = from->edi, f->ebp = from->ebp, f->esp = from->esp;
    f->eip = from->eip, f->eflags = (from->eflags & EFLAGS_USER) | EFLAGS_IF | 2;
    f->cs = USER_CS, f->ss = USER_DS;
    f->ds = from->ds, f->es = from->es, f->fs = from->fs, f->gs = from->gs; /* checked later */
}

/* All but what refers to other objects; not yet runnable. */
static void restore_procs(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_PROC);
    const struct ssm_proc *from;
    struct ssm_proc room;

    for (uint32_t n = 1; (from = ssm_see(&at, &room, sizeof room)); n++) {
        struct proc *p = proc_new(from->pid);
        must(p, SC_REASON_NO_MEMORY, from->pid);
        must(from->state == SSM_STATE_ZOMBIE || aspace_new(&p->as), SC_REASON_NO_MEMORY, from->pid);
        p->cwd = inode_hold(root());
        p->ppid = from->ppid, p->pgrp = from->pgrp, p->sid = from->sid;
        memcpy(p->name, from->name, sizeof p->name);
        restore_regs(&p->frame, &from->regs);
        memcpy(p->fpu, from->fpu, sizeof p->fpu);
        p->used_fpu = from->used_fpu;
        p->sig_pending = from->sig_pending, p->sig_mask = from->sig_mask;
        p->utime_ns = from->utime_ns, p->stime_ns = from->stime_ns;
        p->exit_code = from->exit_code;
        p->task.exit_signal = SIGCHLD, p->task.umask = 022; /* until TASK says more */
        p->task.start_ns = clock.boot_ns;
        p->as.brk_start = from->brk_start, p->as.brk = fault_in_field(from->brk);
        if (n % 64 == 0)
            sc_worked(64);
    }
}

static void restore_ranges(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_VMA);
    const struct ssm_vma *from;
    struct ssm_vma room;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        p = proc_of(from->pid, p);
        must(from->kind != SSM_VMA_FILE && from->start >= USER_LO && from->end <= USER_HI,
             SC_REASON_UNSUPPORTED, from->start);
        must(vma_add(&p->as, from->start, from->end, from->prot, from->kind), SC_REASON_NO_MEMORY,
             from->start);
    }
}

/* A run may go through several ranges; each part has its own protection. Runs come in order, so the
   search goes on at `vma`, the range of the one before; returns that of this one. */
static struct vma *restore_run(struct proc *p, struct run *run, struct vma *vma)
{
    uint32_t left = run->n;

    while (left) {
        while (vma && vma->end <= run->vaddr)
            vma = vma_after(&p->as, vma);
        must(vma && vma->start <= run->vaddr, SC_REASON_BAD_MAP, run->vaddr);
        run->n = MIN(left, (vma->end - run->vaddr) / PAGE);
        must(aspace_map_run(&p->as, vma, run), SC_REASON_NO_MEMORY, run->vaddr);
        left -= run->n;
        run->vaddr += run->n * PAGE, run->paddr += run->n * PAGE;
    }
    return vma;
}

static void restore_frames(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_FRAME);
    const struct ssm_frame *from;
    struct ssm_frame room;
    struct proc *p = 0, *before = 0;
    struct vma *vma = 0;
    struct run run;

    for (uint32_t n = 1; (from = ssm_see(&at, &room, sizeof room)); n++) {
        if (from->kind == SSM_FRAME_RAMDISK || from->kind == SSM_FRAME_TMP)
            continue;
        must(from->kind <= SSM_FRAME_COW, SC_REASON_UNSUPPORTED, from->paddr);
        if (!p)
            fault_in_restore(from->paddr);
        p = proc_of(from->pid, before);
        if (p != before)
            vma = vma_first(&p->as);
        before = p;
        if (from->kind == SSM_FRAME_PRIVATE)
            frame_claim(from->paddr, from->n_pages);
        else
            frame_claim_shared(from->paddr, from->n_pages);
        run = (struct run){ from->vaddr, from->paddr, from->n_pages, from->kind == SSM_FRAME_COW };
        vma = restore_run(p, &run, vma);
        if (n % 256 == 0)
            sc_worked(256);
    }
}

static void restore_timers(const void *map, uint64_t when)
{
    struct ssm_cursor at = ssm_open(map, SSM_TIMER);
    const struct ssm_timer *from;
    struct ssm_timer room;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        uint32_t owner = from->kind == SSM_TIMER_TIMERFD ? (uint32_t)from->cookie : from->pid;
        if (from->kind > SSM_TIMER_TIMERFD) {
            must(restore_cputimer(from), SC_REASON_UNSUPPORTED, from->kind);
            continue;
        }
        if (from->kind == SSM_TIMER_TIMERFD)
            must(file_find(owner), SC_REASON_BAD_MAP, owner);
        else
            p = proc_of(owner, p);
        if (from->kind == SSM_TIMER_SLEEP)
            p->wait.deadline = when + from->left_ns;
        must(timer_arm(from->kind, owner, when + from->left_ns, from->period_ns), SC_REASON_NO_MEMORY,
             owner);
    }
}

/* What a process waits for exists: the last thing for it to be again in the state it was in. */
static void restore_states(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_PROC);
    const struct ssm_proc *from;
    struct ssm_proc room;
    struct proc *p = 0;

    while ((from = ssm_see(&at, &room, sizeof room))) {
        uint32_t obj = (uint32_t)from->wait_obj, kind = from->wait_kind;
        bool of_pipe = kind == SSM_WAIT_PIPE_READ || kind == SSM_WAIT_PIPE_WRITE;
        p = proc_of(from->pid, p);
        switch (from->state) {
        case SSM_STATE_RUNNABLE:
            proc_continue(p);
            break;
        case SSM_STATE_BLOCKED:
            must(kind <= SSM_WAIT_VFORK, SC_REASON_UNSUPPORTED, from->pid);
            must((!of_pipe || pipe_find(obj))
                 && (kind != SSM_WAIT_TIMER_READ || file_find(obj)),
                 SC_REASON_BAD_MAP, from->pid);
            proc_block(p, kind, from->wait_obj);
            break;
        case SSM_STATE_ZOMBIE:
            proc_zombie(p);
            break;
        case SSM_STATE_STOPPED:
            break;
        default:
            restore_fail(SC_REASON_UNSUPPORTED, from->pid);
        }
        p->wait.obj = from->wait_obj;
        p->wait.progress = from->progress;
        p->wait.restart_nr = (uint16_t)from->restart_nr;
        check_selectors(p);
    }
}

static uint32_t count(const void *map, uint32_t type)
{
    const struct ssm_sect *sect = ssm_find(map, type);

    return sect ? sect->count : 0;
}

void restore(const struct ssm_boot *boot)
{
    const void *map = P2V(boot->ssm_pa);
    const struct ssm_hdr *hdr = map;
    struct ssm_cursor at;
    struct ssm_time time;
    int fault = ssm_check(map, boot->ssm_len);

    must(!fault, SC_REASON_BAD_MAP, (uint32_t)-fault);
    at = ssm_open(map, SSM_TIME);
    ssm_next(&at, &time, sizeof time);
    clock_restore(&time);
    clock.generation = hdr->generation;
    frame_claim(hdr->phys_lo, (hdr->phys_hi - hdr->phys_lo) / PAGE);
    sc_work(count(map, SSM_PROC) + count(map, SSM_FRAME));
    restore_initrd(map);
    restore_system(map);
    restore_ttys(map);
    restore_inodes(map);
    restore_pipes(map);
    restore_files(map);
    restore_locks(map);
    must(aspace_expect(count(map, SSM_FRAME) + count(map, SSM_VMA)), SC_REASON_NO_MEMORY, 0);
    restore_procs(map);
    if (time.last_pid) /* 1.0 does not say */
        pid_go_on(time.last_pid);
    restore_ranges(map);
    restore_frames(map);
    restore_fds(map);
    restore_tasks(map);
    restore_xstates(map);
    restore_timers(map, time.mono_ns);
    restore_actions(map);
    restore_siginfos(map);
    restore_states(map);
    restore_restarts(map, time.mono_ns);
}
