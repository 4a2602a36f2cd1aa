/* Writes the Save State Map from the kernel's own structures: as the old kernel at SAVE, and as the
   new one at ECHO, to show what it has taken over. Pages stay where they are. */
#include "kernel.h"
#include "map.h"

/* Bytes a map of the present state takes, without the host's part: a little more than exact. */
uint32_t save_size(void)
{
    uint32_t len = PAGE + SSM_RECORDER_ENTRIES * sizeof(struct ssm_log);

    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        len += sizeof(struct ssm_proc) + save_task_size(p);
        for (uint32_t fd = 0; fd < NOFILE; fd++)
            len += fd_file(p, fd) ? sizeof(struct ssm_fd) : 0;
        if (p->state == P_ZOMBIE)
            continue;
        for (struct vma *vma = vma_first(&p->as); vma; vma = vma_after(&p->as, vma)) {
            struct run run = { .vaddr = vma->start };
            len += sizeof(struct ssm_vma);
            while (aspace_next_run(&p->as, &run, vma->end))
                len += sizeof(struct ssm_frame);
        }
    }
    len += save_files_size() + save_tmp_size() + save_ttys_size();
    return len;
}

static void save_time(struct ssm_writer *out, uint64_t when)
{
    struct ssm_time *time;
    uint32_t time_bcd, date_bcd;

    ssm_begin_section(out, SSM_TIME);
    time = ssm_append(out);
    if (time) {
        time->mono_ns = when;
        time->real_ns = when + (uint64_t)clock.real_offset;
        cmos_bcd((uint32_t)(time->real_ns / NS_PER_S), &time_bcd, &date_bcd);
        time->boot_ns = clock.boot_ns;
        time->cmos_time_bcd = time_bcd;
        time->cmos_date_bcd = date_bcd;
        time->tick_hz = HZ;
        time->switch_count = clock.switches;
        time->last_pid = pid_last();
    }
    ssm_end_section(out);
}

static uint32_t state_of(const struct proc *p)
{
    switch (p->state) {
    case P_RUNNABLE: return SSM_STATE_RUNNABLE;
    case P_BLOCKED: return SSM_STATE_BLOCKED;
    case P_ZOMBIE: return SSM_STATE_ZOMBIE;
    default: return SSM_STATE_STOPPED;
    }
}

static void save_regs(struct ssm_regs *to, const struct trapframe *f)
{
    to->eax = f->eax, to->ebx = f->ebx, to->ecx = f->ecx, to->edx = f->edx;
    to->esi = f->esi, to->edi = f->edi, to->ebp = f->ebp, to->esp = f->esp;
    to->eip = f->eip, to->eflags = f->eflags, to->cr3 = 0;
    to->cs = (uint16_t)f->cs, to->ds = (uint16_t)f->ds, to->es = (uint16_t)f->es;
    to->fs = (uint16_t)f->fs, to->gs = (uint16_t)f->gs, to->ss = (uint16_t)f->ss;
}

static void save_procs(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_PROC);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        struct ssm_proc *to = ssm_append_raw(out, sizeof *to);
        if (!to)
            return;
        to->pid = p->pid, to->ppid = p->ppid, to->pgrp = p->pgrp, to->sid = p->sid;
        to->state = state_of(p);
        to->wait_kind = p->wait.kind, to->wait_obj = p->wait.obj;
        to->progress = p->wait.progress, to->restart_nr = p->wait.restart_nr;
        to->used_fpu = p->used_fpu;
        to->sig_pending = p->sig_pending, to->sig_mask = p->sig_mask;
        to->utime_ns = p->utime_ns, to->stime_ns = p->stime_ns;
        to->exit_code = p->exit_code;
        to->brk_start = p->as.brk_start, to->brk = p->as.brk;
        to->rsvd = 0;
        memcpy(to->name, p->name, sizeof to->name);
        save_regs(&to->regs, &p->frame);
        memcpy(to->fpu, p->fpu, sizeof to->fpu);
    }
    ssm_end_section(out);
}

static void save_ranges(struct ssm_writer *out)
{
    ssm_begin_section(out, SSM_VMA);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        if (p->state == P_ZOMBIE)
            continue;
        for (struct vma *vma = vma_first(&p->as); vma; vma = vma_after(&p->as, vma)) {
            struct ssm_vma *to = ssm_append_raw(out, sizeof *to);
            if (!to)
                return;
            to->pid = p->pid;
            to->start = vma->start, to->end = vma->end;
            to->prot = vma->prot, to->kind = vma->kind;
            to->file_id = 0, to->file_off = 0;
        }
    }
    ssm_end_section(out);
}

struct frames { struct ssm_writer *out; uint32_t pid; };

static void append_frame(const struct frames *to, const struct run *run, uint32_t kind)
{
    struct ssm_frame *frame = ssm_append_raw(to->out, sizeof *frame);

    if (!frame)
        return;
    frame->pid = to->pid;
    frame->vaddr = run->vaddr, frame->paddr = run->paddr, frame->n_pages = run->n;
    frame->kind = kind, frame->crc = 0;
}

static void append_run(void *to, const struct vma *vma, const struct run *run)
{
    append_frame(to, run, vma->kind == SSM_VMA_SHARED ? SSM_FRAME_SHARED
                          : run->cow ? SSM_FRAME_COW : SSM_FRAME_PRIVATE);
}

static void save_frames(struct ssm_writer *out)
{
    struct run initrd = { 0, PAGE_DOWN(memory.initrd), PAGES(memory.initrd_len), false };
    struct frames frames = { out, 0 };
    uint32_t count = 0;

    ssm_begin_section(out, SSM_FRAME);
    if (initrd.n)
        append_frame(&frames, &initrd, SSM_FRAME_RAMDISK);
    save_tmp_frames(out);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        frames.pid = p->pid;
        if (p->state != P_ZOMBIE)
            aspace_each_run(&p->as, append_run, &frames);
        if (++count % 64 == 0)
            sc_worked(64);
    }
    ssm_end_section(out);
}

static void append_timer(struct ssm_writer *out, uint32_t kind, uint32_t owner, uint64_t when)
{
    uint64_t deadline, period;
    struct ssm_timer *to;

    if (!timer_read(kind, owner, &deadline, &period) || !(to = ssm_append(out)))
        return;
    to->kind = kind;
    to->pid = kind == SSM_TIMER_TIMERFD ? 0 : owner;
    to->cookie = kind == SSM_TIMER_TIMERFD ? owner : 0;
    to->left_ns = deadline > when ? deadline - when : 0;
    to->period_ns = period;
}

static void save_timers(struct ssm_writer *out, uint64_t when)
{
    ssm_begin_section(out, SSM_TIMER);
    for (uint32_t kind = SSM_TIMER_SLEEP; kind <= SSM_TIMER_ITIMER_REAL; kind++)
        for (struct proc *p = proc_first(); p; p = proc_after(p))
            append_timer(out, kind, p->pid, when);
    for (struct file *file = file_first(); file; file = file_after(file))
        if (file->kind == SSM_FILE_TIMER)
            append_timer(out, SSM_TIMER_TIMERFD, file->id, when);
    save_cputimers(out);
    ssm_end_section(out);
}

static void save_log(struct ssm_writer *out)
{
    const struct ssm_log *entries;
    uint32_t n = recorder_read(&entries);

    ssm_begin_section(out, SSM_LOG);
    for (uint32_t i = 0; i < n; i++) {
        struct ssm_log *to = ssm_append(out);
        if (to)
            *to = entries[i];
    }
    ssm_end_section(out);
}

/* Writes the map to [pa, pa + room), at most of version 1.`minor`; returns its length. 0 when there
   is not enough room, or that version has no words for *unsaid (a section, 0 otherwise). */
uint32_t save(uint32_t pa, uint32_t room, uint16_t txn, uint32_t minor, struct ssm_unsaid *unsaid)
{
    extern const uint8_t build_id_note[]; /* kernel.ld; 12 bytes of header and "GNU", then the id */
    uint64_t when = now();
    struct ssm_writer out;
    struct ssm_hdr *hdr;
    uint32_t texts = room / 4;

    *unsaid = (struct ssm_unsaid){ 0, 0 };
    fpu_store();
    ssm_begin(&out, P2V(pa), room - texts, txn, ++clock.generation);
    text_begin(P2V(pa + room - texts), texts);
    save_time(&out, when);
    save_procs(&out);
    save_ranges(&out);
    save_frames(&out);
    save_files(&out);
    save_fds(&out);
    save_pipes(&out);
    save_timers(&out, when);
    save_actions(&out);
    save_siginfos(&out);
    save_tasks(&out);
    save_restarts(&out, when);
    save_xstates(&out);
    save_inodes(&out);
    save_ttys(&out);
    save_locks(&out);
    save_system(&out);
    save_log(&out);
    if (!save_blob(&out) || out.full)
        return 0;
    hdr = P2V(pa);
    hdr->phys_lo = pa;
    hdr->phys_hi = pa + room;
    memcpy(hdr->src_build, build_id_note + 16, sizeof hdr->src_build);
    if (!ssm_end(&out))
        return 0;
    return ssm_downgrade(hdr, minor > KERNEL_MINOR ? KERNEL_MINOR : minor, unsaid);
}
