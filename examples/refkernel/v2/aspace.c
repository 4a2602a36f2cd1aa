/* Address spaces: extents are the record of which pages a process has; the page tables (pages.c) are
   made of them as pages are touched, and could be thrown away at any time. */
#include "kernel.h"
#include "pages.h"

static struct pool extent_pool = { .size = sizeof(struct extent) };

/* Extents need no other room than what they are taken from. */
bool aspace_expect(uint32_t runs)
{
    (void)runs;
    return true;
}

bool aspace_new(struct aspace *as)
{
    memset(as, 0, sizeof *as);
    return true;
}

static uint32_t end_of(const struct extent *extent)
{
    return extent->vaddr + extent->n * PAGE;
}

/* The last extent that begins at or below an address; 0: none. */
static struct extent *floor_of(struct aspace *as, uint32_t vaddr)
{
    struct extent *found = as->hint && as->hint->vaddr <= vaddr ? as->hint : 0;
    struct extent *next = found ? found->next : as->extents;

    for (; next && next->vaddr <= vaddr; next = next->next)
        found = next;
    as->hint = found;
    return found;
}

/* One more run behind `before`, joined with its neighbours; false when there is no memory. */
static bool insert(struct aspace *as, struct extent *before, const struct run *run, bool shared)
{
    struct extent *next = before ? before->next : as->extents, *extent;

    if (before && end_of(before) == run->vaddr && before->paddr + before->n * PAGE == run->paddr
        && before->cow == run->cow && before->shared == shared) {
        before->n += run->n;
    } else {
        extent = pool_take_raw(&extent_pool);
        if (!extent)
            return false;
        *extent = (struct extent){ .next = next, .n = run->n, .paddr = run->paddr,
                                   .vaddr = run->vaddr, .cow = run->cow, .shared = shared };
        *(before ? &before->next : &as->extents) = extent;
        before = extent;
    }
    if (next && end_of(before) == next->vaddr && before->paddr + before->n * PAGE == next->paddr
        && before->cow == next->cow && before->shared == next->shared) {
        before->n += next->n;
        before->next = next->next;
        pool_give(&extent_pool, next);
    }
    as->hint = before;
    return true;
}

/* The pages of a range are others' too now. */
void aspace_make_cow(struct aspace *as, uint32_t from, uint32_t to)
{
    pages_clear(as, from, to, PTE_W);
    for (struct extent *each = as->extents; each && each->vaddr < to; each = each->next)
        if (end_of(each) > from && !each->shared)
            each->cow = true;
}

void aspace_delete(struct aspace *as)
{
    aspace_drop(as, USER_LO, USER_HI);
    while (as->vmas)
        vma_delete(as, as->vmas);
    pages_delete(as);
}

/* A page of an extent that others may have too becomes an extent of ours alone; false, and nothing
   done, when there is no memory. */
static bool own_page(struct aspace *as, struct run *run)
{
    uint32_t old = run->paddr;
    void *spare[2] = { pool_take_raw(&extent_pool), pool_take_raw(&extent_pool) };
    bool enough = spare[0] && spare[1];

    if (enough && frame_is_shared(old)) {
        run->paddr = frame_for_user();
        enough = run->paddr != 0;
        if (enough)
            memcpy(P2V(run->paddr), P2V(old), PAGE);
    } else if (enough) {
        frame_share(old); /* it stays ours while it is cut out */
    }
    for (int i = 0; i < 2; i++) /* what cutting and inserting take at most */
        if (spare[i])
            pool_give(&extent_pool, spare[i]);
    return enough && aspace_drop(as, run->vaddr, run->vaddr + PAGE)
           && insert(as, floor_of(as, run->vaddr), run, false);
}

/* The frame of an address, a new zeroed one when the page does not exist; to write: one that is
   nobody else's. 0: no memory. */
uint32_t aspace_page(struct aspace *as, const struct vma *vma, uint32_t vaddr, bool write)
{
    struct extent *extent = floor_of(as, vaddr);
    struct run run = { PAGE_DOWN(vaddr), 0, 1, false };
    uint32_t *pte = pages_entry(as, vaddr, true);
    bool is_cow = false;

    if (!pte)
        return 0;
    if (!extent || vaddr >= end_of(extent)) {
        run.paddr = frame_for_user();
        if (!run.paddr)
            return 0;
        memset(P2V(run.paddr), 0, PAGE);
        if (!insert(as, extent, &run, vma->kind == SSM_VMA_SHARED)) {
            frame_free(run.paddr);
            return 0;
        }
    } else {
        run.paddr = extent->paddr + (run.vaddr - extent->vaddr);
        is_cow = extent->cow && !write;
        if (extent->cow && write && !own_page(as, &run))
            return 0;
    }
    *pte = run.paddr | PTE_P | (vma->prot ? PTE_U : 0)
           | ((vma->prot & PROT_WRITE) && !is_cow ? PTE_W : 0);
    invlpg(vaddr);
    return run.paddr;
}

/* Frees the pages of [from, to); false, and nothing done, when there is no memory to say so. */
bool aspace_drop(struct aspace *as, uint32_t from, uint32_t to)
{
    struct extent **at = &as->extents, *extent, *rest;

    while ((extent = *at) && extent->vaddr < to) {
        uint32_t lo = MAX(from, extent->vaddr), hi = MIN(to, end_of(extent));
        if (lo >= hi) {
            at = &extent->next;
            continue;
        }
        if (hi < end_of(extent) && lo > extent->vaddr) { /* in its middle: nothing else is */
            rest = pool_take_raw(&extent_pool);
            if (!rest)
                return false;
            *rest = (struct extent){ .next = extent->next, .n = (end_of(extent) - hi) / PAGE,
                                     .paddr = extent->paddr + (hi - extent->vaddr), .vaddr = hi,
                                     .cow = extent->cow, .shared = extent->shared };
            extent->next = rest;
            extent->n = (hi - extent->vaddr) / PAGE;
        }
        for (uint32_t vaddr = lo; vaddr < hi; vaddr += PAGE)
            frame_free(extent->paddr + (vaddr - extent->vaddr));
        if (lo > extent->vaddr) {
            extent->n = (lo - extent->vaddr) / PAGE;
            at = &extent->next;
        } else if (hi < end_of(extent)) {
            extent->n -= (hi - lo) / PAGE;
            extent->paddr += hi - lo;
            extent->vaddr = hi;
        } else {
            *at = extent->next;
            pool_give(&extent_pool, extent);
        }
    }
    as->hint = 0;
    pages_clear(as, from, to, ~0u);
    return true;
}

/* The next run of pages behind *run and before `end` that lie next to each other in linear and in
   physical addresses, and are all shared or none of them. */
bool aspace_next_run(struct aspace *as, struct run *run, uint32_t end)
{
    uint32_t from = run->vaddr + run->n * PAGE;
    struct extent *extent = floor_of(as, from);

    if (!extent || end_of(extent) <= from) {
        extent = extent ? extent->next : as->extents;
        if (!extent)
            return false;
        from = extent->vaddr;
    }
    if (from >= end)
        return false;
    *run = (struct run){ from, extent->paddr + (from - extent->vaddr),
                         (MIN(end, end_of(extent)) - from) / PAGE, false };
    if (extent->cow) {
        uint32_t n = 1;
        run->cow = frame_is_shared(run->paddr);
        while (n < run->n && frame_is_shared(run->paddr + n * PAGE) == run->cow)
            n++;
        run->n = n;
    }
    return true;
}

/* All runs of pages, range by range, as aspace_next_run() has them. */
void aspace_each_run(struct aspace *as, run_told *tell, void *to)
{
    struct extent *extent = as->extents;

    for (struct vma *vma = as->vmas; vma; vma = vma->next)
        while (extent && extent->vaddr < vma->end) {
            uint32_t from = MAX(vma->start, extent->vaddr), end = MIN(vma->end, end_of(extent));
            struct run run = { from, extent->paddr + (from - extent->vaddr), (end - from) / PAGE,
                               false };
            if (extent->cow)
                tell_shared(tell, to, vma, run);
            else
                tell(to, vma, &run);
            if (end < end_of(extent))
                break; /* the rest of it is in the next range */
            extent = extent->next;
        }
}

/* Pages that are there already (fork, a switchover); false when there is no memory to note them. */
bool aspace_map_run(struct aspace *as, const struct vma *vma, const struct run *run)
{
    return insert(as, floor_of(as, run->vaddr), run, vma->kind == SSM_VMA_SHARED);
}
