/* Ranges of an address space, and what can be said of address spaces without their page tables. */
#include "kernel.h"

struct vma *vma_find(struct aspace *as, uint32_t vaddr)
{
    for (struct vma *vma = vma_first(as); vma && vma->start <= vaddr; vma = vma_after(as, vma))
        if (vaddr < vma->end)
            return vma;
    return 0;
}

/* A new range where nothing is; false when there are too many. */
bool vma_add(struct aspace *as, uint32_t start, uint32_t end, uint32_t prot, uint32_t kind)
{
    struct vma *vma = vma_new(as, start);

    if (!vma)
        return false;
    vma->end = end;
    vma->prot = (uint8_t)prot;
    vma->kind = (uint8_t)kind;
    return true;
}

/* Cuts the range that `at` lies inside of in two there; false when there are too many. */
static bool split(struct aspace *as, uint32_t at)
{
    struct vma *vma = vma_find(as, at);
    uint32_t end, prot, kind;

    if (!vma || vma->start == at)
        return true;
    end = vma->end, prot = vma->prot, kind = vma->kind;
    if (!vma_add(as, at, end, prot, kind))
        return false;
    vma_find(as, at - 1)->end = at;
    return true;
}

int vma_unmap(struct aspace *as, uint32_t start, uint32_t end)
{
    struct vma *vma;

    if (!split(as, start) || !split(as, end))
        return -ENOMEM;
    for (vma = vma_first(as); vma;) {
        if (vma->start >= start && vma->end <= end) {
            if (!aspace_drop(as, vma->start, vma->end))
                return -ENOMEM;
            vma_delete(as, vma);
            vma = vma_first(as);
        } else {
            vma = vma_after(as, vma);
        }
    }
    return 0;
}

int vma_protect(struct aspace *as, uint32_t start, uint32_t end, uint32_t prot)
{
    for (uint32_t at = start; at < end; at = vma_find(as, at)->end)
        if (!vma_find(as, at))
            return -ENOMEM;
    if (!split(as, start) || !split(as, end))
        return -ENOMEM;
    for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma))
        if (vma->start >= start && vma->end <= end)
            vma->prot = (uint8_t)prot;
    aspace_protect(as, start, end);
    return 0;
}

/* Makes the page of an address usable as its range allows: 0, SIGSEGV when it does not, SIGKILL when
   there is no memory. */
int aspace_touch(struct aspace *as, uint32_t vaddr, bool write)
{
    struct vma *vma = vma_find(as, vaddr);

    if (!vma || !vma->prot || (write && !(vma->prot & PROT_WRITE)))
        return SIGSEGV;
    return aspace_page(as, vma, vaddr, write) ? 0 : SIGKILL;
}

/* Adds the pages of [from, from + len) to another address space, or another place of the same. */
static bool share_pages(struct aspace *to, uint32_t at, struct aspace *from, uint32_t vaddr,
                        uint32_t end, bool cow)
{
    struct run run = { .vaddr = vaddr };
    struct vma *vma = vma_find(to, at);

    while (aspace_next_run(from, &run, end)) {
        struct run part = { at + (run.vaddr - vaddr), run.paddr, run.n, cow };
        if (!aspace_map_run(to, vma, &part))
            return false;
        for (uint32_t i = 0; i < run.n; i++)
            frame_share(run.paddr + i * PAGE);
    }
    return true;
}

/* Of pages that were shared: those that still are, and those that are not, in runs of their own. */
void tell_shared(run_told *tell, void *to, const struct vma *vma, struct run run)
{
    while (run.n) {
        struct run part = { run.vaddr, run.paddr, 1, frame_is_shared(run.paddr) };
        while (part.n < run.n && frame_is_shared(run.paddr + part.n * PAGE) == part.cow)
            part.n++;
        tell(to, vma, &part);
        run.vaddr += part.n * PAGE, run.paddr += part.n * PAGE, run.n -= part.n;
    }
}

/* fork: the same ranges, and the same pages until someone writes, or for ever when the range is
   shared; false when there is no memory for that. */
bool aspace_copy(struct aspace *to, struct aspace *from)
{
    to->brk_start = from->brk_start;
    to->brk = from->brk;
    for (struct vma *vma = vma_first(from); vma; vma = vma_after(from, vma)) {
        bool cow = vma->kind != SSM_VMA_SHARED;
        if (!vma_add(to, vma->start, vma->end, vma->prot, vma->kind)
            || !share_pages(to, vma->start, from, vma->start, vma->end, cow))
            return false;
        if (cow)
            aspace_make_cow(from, vma->start, vma->end);
    }
    return true;
}

/* mremap: the pages of a private range into an empty one; false when there is no memory. */
bool aspace_move(struct aspace *as, uint32_t from, uint32_t to, uint32_t len)
{
    return share_pages(as, to, as, from, from + len, true);
}

/* Into an address space that need not be the one in use, whatever its pages allow. */
bool aspace_write(struct aspace *as, uint32_t vaddr, const void *from, uint32_t len)
{
    const char *at = from;

    while (len) {
        struct vma *vma = vma_find(as, vaddr);
        uint32_t part = MIN(len, PAGE - (vaddr & PAGE_MASK));
        uint32_t pa = vma ? aspace_page(as, vma, vaddr, true) : 0;
        if (!pa)
            return false;
        memcpy(P2V(pa + (vaddr & PAGE_MASK)), at, part);
        vaddr += part;
        at += part;
        len -= part;
    }
    return true;
}
