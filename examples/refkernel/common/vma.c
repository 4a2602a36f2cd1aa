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

/* Makes the page of an address usable as its range allows; false when it does not, or there is no
   memory. */
bool aspace_touch(struct aspace *as, uint32_t vaddr, bool write)
{
    struct vma *vma = vma_find(as, vaddr);

    if (!vma || !vma->prot || (write && !(vma->prot & PROT_WRITE)))
        return false;
    return aspace_page(as, vaddr, vma->prot) != 0;
}

/* fork: the same ranges, and copies of all pages; false when there is no memory for them. */
bool aspace_copy(struct aspace *to, struct aspace *from)
{
    to->brk_start = from->brk_start;
    to->brk = from->brk;
    for (struct vma *vma = vma_first(from); vma; vma = vma_after(from, vma)) {
        struct run run = { vma->start, 0, 0 };
        if (!vma_add(to, vma->start, vma->end, vma->prot, vma->kind))
            return false;
        while (aspace_next_run(from, &run, vma->end))
            for (uint32_t i = 0; i < run.n; i++) {
                uint32_t pa = aspace_page(to, run.vaddr + i * PAGE, vma->prot);
                if (!pa)
                    return false;
                memcpy(P2V(pa), P2V(run.paddr + i * PAGE), PAGE);
            }
    }
    return true;
}

/* Into an address space that need not be the one in use, whatever its pages allow. */
bool aspace_write(struct aspace *as, uint32_t vaddr, const void *from, uint32_t len)
{
    const char *at = from;

    while (len) {
        struct vma *vma = vma_find(as, vaddr);
        uint32_t part = MIN(len, PAGE - (vaddr & PAGE_MASK));
        uint32_t pa = vma ? aspace_page(as, vaddr, vma->prot) : 0;
        if (!pa)
            return false;
        memcpy(P2V(pa + (vaddr & PAGE_MASK)), at, part);
        vaddr += part;
        at += part;
        len -= part;
    }
    return true;
}
