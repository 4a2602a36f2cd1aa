/* Sections PROC, VMA and FRAME of a kernel whose processes are plain, and what is refused: rather
   the old kernel than a broken program. One that has learnt more, to wait, to deliver signals, to
   share pages, writes and reads these sections itself: begin with a copy of this file. */
#include "lkus.h"

#define PAGE 4096u
#define SECTIONS (1u << SSM_TIME | 1u << SSM_PROC | 1u << SSM_VMA | 1u << SSM_FRAME | 1u << SSM_FD \
                  | 1u << SSM_FILE | 1u << SSM_BLOB | 1u << SSM_DEV | 1u << SSM_LOG)
enum { PRESENT = 1, WRITABLE = 2, USER = 4 }; /* bits of a page table entry */

void lkus_map(uint32_t *entry, uint32_t pa, uint32_t n, uint32_t prot)
{
    for (uint32_t i = 0; i < n; i++)
        entry[i] = (pa + i * PAGE) | PRESENT | (prot & SSM_PROT_WRITE ? WRITABLE : 0)
                   | (prot ? USER : 0);
}

/* Records of a section are sorted: each is gone through for all processes before the next. */
void lkus_plain_save(struct ssm_writer *out)
{
    for (uint32_t type = SSM_PROC; type <= SSM_FRAME; type++) {
        struct ssm_proc proc = { .state = SSM_STATE_RUNNABLE };
        struct ssm_vma vma = { .pid = 0 };
        const uint32_t *entry;

        lkus_section(out, type);
        for (uint32_t n = 0; (entry = lkus_kernel.save(n, &proc, &vma)); n++) {
            vma.pid = proc.pid;
            if (type == SSM_PROC)
                lkus_append(out, &proc, sizeof proc);
            else if (type == SSM_VMA)
                lkus_append(out, &vma, sizeof vma);
            else
                for (uint32_t at = vma.start; at < vma.end; at += PAGE, entry++) {
                    struct ssm_frame frame = { .pid = proc.pid, .vaddr = at, .n_pages = 1,
                                               .paddr = *entry & ~(PAGE - 1) };
                    lkus_append(out, &frame, sizeof frame);
                }
        }
    }
}

static void only(bool ok)
{
    lkus_must(ok, SC_REASON_UNSUPPORTED);
}

/* All three sections come in the order of pids: one walk through each. */
void lkus_plain_restore(const struct ssm_hdr *map)
{
    struct ssm_cursor procs = ssm_open(map, SSM_PROC), vmas = ssm_open(map, SSM_VMA),
                      frames = ssm_open(map, SSM_FRAME);
    struct ssm_proc proc;
    struct ssm_vma vma;
    struct ssm_frame run;

    for (uint32_t i = 0; i < map->sect_count; i++) {
        const struct ssm_sect *sect = &ssm_sections(map)[i];
        only(!sect->count || (sect->type < 32 && SECTIONS >> sect->type & 1));
    }
    for (uint32_t n = 0; ssm_next(&procs, &proc, sizeof proc); n++) {
        uint32_t *entry, at;

        only(proc.state == SSM_STATE_RUNNABLE && !proc.used_fpu);
        only(!proc.sig_pending && !proc.sig_mask);
        only(ssm_next(&vmas, &vma, sizeof vma) && vma.pid == proc.pid); /* one range */
        entry = lkus_kernel.restore(n, &proc, &vma);
        for (at = vma.start; at < vma.end; at += run.n_pages * PAGE) {
            only(ssm_next(&frames, &run, sizeof run)); /* every page */
            only(run.pid == proc.pid && run.vaddr == at && run.kind == SSM_FRAME_PRIVATE);
            only(run.n_pages && run.n_pages <= (vma.end - at) / PAGE);
            lkus_map(entry + (at - vma.start) / PAGE, run.paddr, run.n_pages, vma.prot);
        }
    }
    only(!vmas.left && !frames.left);
}
