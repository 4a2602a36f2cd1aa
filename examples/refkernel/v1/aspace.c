/* Address spaces: the page tables are the record of which pages a process has. A page shared until
   someone writes is read-only and has PTE_COW, one of the bits the CPU leaves to us. */
#include "kernel.h"

#define PTE_COW 0x200u
#define PTE_SEEN 0x60u /* accessed, dirty: the CPU's notes */

static struct pool vma_pool = { .size = sizeof(struct vma_table) };

static uint32_t *pgdir_of(struct aspace *as)
{
    return P2V(as->pgdir);
}

static uint32_t pte_flags(uint32_t prot)
{
    return PTE_P | (prot ? PTE_U : 0) | (prot & PROT_WRITE ? PTE_W : 0);
}

/* The page table entry of a linear address; 0 without a table for it, unless it is to `create`. */
static uint32_t *entry(struct aspace *as, uint32_t vaddr, bool create)
{
    uint32_t *pde = &pgdir_of(as)[vaddr >> 22];

    if (!(*pde & PTE_P)) {
        uint32_t pa = create ? frame_for_kernel() : 0;
        if (!pa)
            return 0;
        memset(P2V(pa), 0, PAGE);
        *pde = pa | PTE_P | PTE_W | PTE_U;
    }
    return (uint32_t *)P2V(PAGE_DOWN(*pde)) + (vaddr >> 12 & 1023);
}

bool aspace_new(struct aspace *as)
{
    const uint32_t *kernel = P2V(kernel_pgdir);

    as->vmas = pool_take(&vma_pool);
    as->pgdir = as->vmas ? frame_for_kernel() : 0;
    if (!as->pgdir) {
        if (as->vmas)
            pool_give(&vma_pool, as->vmas);
        return false;
    }
    memset(pgdir_of(as), 0, PAGE);
    pgdir_of(as)[0] = kernel[0];
    for (uint32_t i = DIRECT_MAP >> 22; i < 1024 && kernel[i]; i++)
        pgdir_of(as)[i] = kernel[i];
    return true;
}

void aspace_delete(struct aspace *as)
{
    if (!as->pgdir)
        return;
    if (PAGE_DOWN(read_cr3()) == as->pgdir)
        write_cr3(kernel_pgdir);
    aspace_drop(as, USER_LO, USER_HI);
    for (uint32_t i = USER_LO >> 22; i < USER_HI >> 22; i++)
        if (pgdir_of(as)[i] & PTE_P)
            frame_free(PAGE_DOWN(pgdir_of(as)[i]));
    frame_free(as->pgdir);
    pool_give(&vma_pool, as->vmas);
    as->pgdir = 0;
}

bool aspace_use(struct aspace *as)
{
    uint32_t pgdir = as->pgdir ? as->pgdir : kernel_pgdir; /* it has lent its memory, and is dying */

    if (read_cr3() != pgdir)
        write_cr3(pgdir);
    return true;
}

/* The frame of an address, a new zeroed one when the page does not exist; to write: one that is
   nobody else's. 0: no memory. */
uint32_t aspace_page(struct aspace *as, const struct vma *vma, uint32_t vaddr, bool write)
{
    uint32_t *pte = entry(as, vaddr, true), pa, old;

    if (!pte)
        return 0;
    pa = old = *pte & PTE_P ? PAGE_DOWN(*pte) : 0;
    if (old && !(write && (*pte & PTE_COW)))
        return old;
    if (!old || frame_is_shared(old)) {
        pa = frame_for_user();
        if (!pa)
            return 0;
    }
    if (!old) {
        memset(P2V(pa), 0, PAGE);
    } else if (pa != old) {
        memcpy(P2V(pa), P2V(old), PAGE);
        frame_free(old);
    }
    *pte = pa | pte_flags(vma->prot);
    invlpg(vaddr);
    return pa;
}

/* The pages of a range are others' too now. */
void aspace_make_cow(struct aspace *as, uint32_t from, uint32_t to)
{
    for (uint32_t vaddr = from; vaddr < to; vaddr += PAGE) {
        uint32_t *pte = entry(as, vaddr, false);
        if (!pte) {
            vaddr |= 0x3FF000;
        } else if (*pte & PTE_P) {
            *pte = (*pte & ~PTE_W) | PTE_COW;
            invlpg(vaddr);
        }
    }
}

/* Frees the pages of [from, to). */
bool aspace_drop(struct aspace *as, uint32_t from, uint32_t to)
{
    struct run run = { .vaddr = from };

    while (aspace_next_run(as, &run, to))
        for (uint32_t i = 0; i < run.n; i++) {
            *entry(as, run.vaddr + i * PAGE, false) = 0;
            frame_free(run.paddr + i * PAGE);
            invlpg(run.vaddr + i * PAGE);
        }
    return true;
}

/* The range's protection has changed. */
void aspace_protect(struct aspace *as, uint32_t from, uint32_t to)
{
    for (uint32_t vaddr = from; vaddr < to; vaddr += PAGE) {
        uint32_t *pte = entry(as, vaddr, false), cow;
        if (!pte) {
            vaddr |= 0x3FF000;
        } else if (*pte & PTE_P) {
            cow = *pte & PTE_COW;
            *pte = PAGE_DOWN(*pte) | cow
                   | (pte_flags(vma_find(as, vaddr)->prot) & ~(cow ? PTE_W : 0));
            invlpg(vaddr);
        }
    }
}

/* Whether a page is of several holders now. */
static bool is_cow(uint32_t pte)
{
    return (pte & PTE_COW) && frame_is_shared(PAGE_DOWN(pte));
}

/* The next run of pages behind *run and before `end` that lie next to each other in linear and in
   physical addresses, and are all shared or none of them. */
bool aspace_next_run(struct aspace *as, struct run *run, uint32_t end)
{
    uint32_t vaddr = run->vaddr + run->n * PAGE, expected = 0;

    run->n = 0;
    while (vaddr < end) {
        uint32_t *pte = entry(as, vaddr, false), *stop;
        if (!pte) {
            if (run->n)
                return true;
            vaddr = (vaddr & ~0x3FFFFFu) + 0x400000;
            continue;
        }
        stop = pte + MIN(1024 - (vaddr >> 12 & 1023), (end - vaddr) / PAGE);
        if (!run->n) {
            for (; pte < stop && !(*pte & PTE_P); pte++)
                vaddr += PAGE;
            if (pte == stop)
                continue;
            expected = *pte & ~PTE_SEEN;
            *run = (struct run){ vaddr, PAGE_DOWN(expected), 0, is_cow(expected) };
        }
        for (; pte < stop && (*pte & ~PTE_SEEN) == expected; pte++, expected += PAGE) {
            if ((expected & PTE_COW) && is_cow(expected) != run->cow)
                return true;
            run->n++;
        }
        if (pte < stop)
            return true;
        vaddr = run->vaddr + run->n * PAGE;
    }
    return run->n != 0;
}

/* Pages that are there already (fork, a switchover); false when there is no memory for page
   tables. */
bool aspace_map_run(struct aspace *as, const struct run *run)
{
    uint32_t flags = pte_flags(vma_find(as, run->vaddr)->prot), *pte = 0;

    if (run->cow)
        flags = (flags & ~PTE_W) | PTE_COW;
    for (uint32_t i = 0; i < run->n; i++) {
        uint32_t vaddr = run->vaddr + i * PAGE;
        if (!pte || !(vaddr & 0x3FFFFF))
            pte = entry(as, vaddr, true);
        if (!pte)
            return false;
        *pte++ = (run->paddr + i * PAGE) | flags;
    }
    return true;
}

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
