/* Address spaces: a table of ranges; and the runs of pages that the kernel before this one has told
   of, from which the page tables (pages.c) are made when their process runs for the first time: while
   kernels change, user programs stand still. */
#include "kernel.h"
#include "pages.h"

static struct pool vma_pool = { .size = sizeof(struct vma_table) };
static struct run *given, *given_end; /* where the next one goes; the end of the room for them */

/* In a new kernel: at most so many runs will be mapped before COMMIT. false: no memory for them. */
bool aspace_expect(uint32_t runs)
{
    uint32_t pa = runs ? scratch_frame() : 0; /* its frames come one behind the other */

    for (uint32_t pages = PAGES(runs * sizeof *given); pa && pages > 1; pages--)
        if (!scratch_frame())
            return false;
    given = P2V(pa);
    given_end = given + runs;
    return pa || !runs;
}

bool aspace_new(struct aspace *as)
{
    *as = (struct aspace){ .vmas = pool_take_raw(&vma_pool) };
    if (!as->vmas)
        return false;
    as->vmas->count = 0;
    if (before_commit || pages_make(as))
        return true;
    pool_give(&vma_pool, as->vmas);
    as->vmas = 0;
    return false;
}

void aspace_delete(struct aspace *as)
{
    if (!as->vmas)
        return;
    if (as->pgdir)
        pages_delete(as);
    for (; as->given < as->given_end; as->given++)
        for (uint32_t i = 0; i < as->given->n; i++)
            frame_free(as->given->paddr + i * PAGE);
    pool_give(&vma_pool, as->vmas);
    as->vmas = 0;
}

/* false when there is no memory for its page tables. */
bool aspace_use(struct aspace *as)
{
    uint32_t pgdir = kernel_pgdir; /* when it has lent its memory, and is dying */

    if (as->vmas) {
        if (!as->pgdir && !pages_make(as))
            return false;
        pgdir = as->pgdir;
    }
    if (read_cr3() != pgdir)
        write_cr3(pgdir);
    return true;
}

/* Pages that are there already (fork, a switchover); false when there is no memory to note them. */
bool aspace_map_run(struct aspace *as, const struct vma *vma, const struct run *run)
{
    if (as->pgdir)
        return pages_map(as, vma, run);
    if (given == given_end)
        return false;
    if (!as->given)
        as->given = as->given_at = given; /* the runs of a process come one behind the other */
    *given++ = *run;
    as->given_end = given;
    return true;
}

/* The next run of pages behind *run and before `end` that lie next to each other in linear and in
   physical addresses, and are all shared or none of them. */
bool aspace_next_run(struct aspace *as, struct run *run, uint32_t end)
{
    uint32_t from = run->vaddr + run->n * PAGE, n = 1;
    struct run *at = as->given_at;

    if (as->pgdir)
        return pages_next_run(as, run, end);
    if (at == as->given_end || at->vaddr > from)
        at = as->given;
    while (at < as->given_end && at->vaddr + at->n * PAGE <= from)
        at++;
    as->given_at = at;
    if (at == as->given_end || at->vaddr >= end)
        return false;
    from = MAX(from, at->vaddr);
    *run = (struct run){ from, at->paddr + (from - at->vaddr),
                         (MIN(end, at->vaddr + at->n * PAGE) - from) / PAGE, false };
    if (at->cow) {
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
    struct run *at = as->given;

    for (struct vma *vma = vma_first(as); vma; vma = vma_after(as, vma)) {
        if (as->pgdir)
            pages_each_run(as, vma, tell, to);
        for (; at < as->given_end && at->vaddr < vma->end; at++)
            if (at->cow)
                tell_shared(tell, to, vma, *at);
            else
                tell(to, vma, at);
    }
}
