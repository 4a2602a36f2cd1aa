/* Ranges of an address space: a list, sorted. */
#include "kernel.h"

static struct pool vma_pool = { .size = sizeof(struct vma) };

struct vma *vma_first(struct aspace *as) { return as->vmas; }

struct vma *vma_after(struct aspace *as, struct vma *vma)
{
    (void)as;
    return vma->next;
}

/* A range in its place in the order; 0 when there are too many. */
struct vma *vma_new(struct aspace *as, uint32_t start)
{
    struct vma *vma = as->vma_count < NVMA ? pool_take_raw(&vma_pool) : 0, **at = &as->vmas;

    if (!vma)
        return 0;
    while (*at && (*at)->start < start)
        at = &(*at)->next;
    vma->start = start;
    vma->next = *at;
    *at = vma;
    as->vma_count++;
    return vma;
}

void vma_delete(struct aspace *as, struct vma *vma)
{
    struct vma **at = &as->vmas;

    while (*at != vma)
        at = &(*at)->next;
    *at = vma->next;
    pool_give(&vma_pool, vma);
    as->vma_count--;
}
