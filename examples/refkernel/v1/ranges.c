/* Ranges of an address space: a table, sorted. */
#include "kernel.h"

struct vma *vma_first(struct aspace *as)
{
    return as->vmas && as->vmas->count ? as->vmas->vma : 0;
}

struct vma *vma_after(struct aspace *as, struct vma *vma)
{
    return ++vma < as->vmas->vma + as->vmas->count ? vma : 0;
}

/* Room for a range in its place in the order; 0 when there are too many. */
struct vma *vma_new(struct aspace *as, uint32_t start)
{
    struct vma *end = as->vmas->vma + as->vmas->count, *at = as->vmas->vma;

    if (as->vmas->count == NVMA)
        return 0;
    while (at < end && at->start < start)
        at++;
    if (at < end)
        memmove(at + 1, at, (size_t)((char *)end - (char *)at));
    as->vmas->count++;
    at->start = start;
    return at;
}

void vma_delete(struct aspace *as, struct vma *vma)
{
    struct vma *end = as->vmas->vma + as->vmas->count--;

    memmove(vma, vma + 1, (size_t)((char *)end - (char *)(vma + 1)));
}
