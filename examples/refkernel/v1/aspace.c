/* Address spaces: the page tables are the record of which pages a process has. */
#include "kernel.h"

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
    as->vmas = pool_take(&vma_pool);
    as->pgdir = as->vmas ? frame_for_kernel() : 0;
    if (!as->pgdir) {
        if (as->vmas)
            pool_give(&vma_pool, as->vmas);
        return false;
    }
    memcpy(pgdir_of(as), P2V(kernel_pgdir), PAGE);
    return true;
}

void aspace_delete(struct aspace *as)
{
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
    if (read_cr3() != as->pgdir)
        write_cr3(as->pgdir);
    return true;
}

/* The frame of an address, a new zeroed one when the page does not exist; 0: no memory. */
uint32_t aspace_page(struct aspace *as, uint32_t vaddr, uint32_t prot)
{
    uint32_t *pte = entry(as, vaddr, true), pa;

    if (!pte)
        return 0;
    if (*pte & PTE_P)
        return PAGE_DOWN(*pte);
    pa = frame_for_user();
    if (!pa)
        return 0;
    memset(P2V(pa), 0, PAGE);
    *pte = pa | pte_flags(prot);
    return pa;
}

/* Frees the pages of [from, to). */
bool aspace_drop(struct aspace *as, uint32_t from, uint32_t to)
{
    struct run run = { from, 0, 0 };

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
    struct run run = { from, 0, 0 };

    while (aspace_next_run(as, &run, to))
        for (uint32_t i = 0; i < run.n; i++) {
            uint32_t vaddr = run.vaddr + i * PAGE;
            *entry(as, vaddr, false) =
                (run.paddr + i * PAGE) | pte_flags(vma_find(as, vaddr)->prot);
            invlpg(vaddr);
        }
}

/* The next run of pages behind *run and before `end` that lie next to each other in linear and in
   physical addresses. */
bool aspace_next_run(struct aspace *as, struct run *run, uint32_t end)
{
    uint32_t vaddr = run->vaddr + run->n * PAGE;

    run->n = 0;
    while (vaddr < end) {
        uint32_t *pte = entry(as, vaddr, false);
        if (!pte) {
            if (run->n)
                return true;
            vaddr = (vaddr & ~0x3FFFFFu) + 0x400000;
            continue;
        }
        do {
            uint32_t pa = PAGE_DOWN(*pte);
            bool present = *pte & PTE_P;
            if (run->n && (!present || pa != run->paddr + run->n * PAGE))
                return true;
            if (present && !run->n)
                *run = (struct run){ vaddr, pa, 0 };
            run->n += present;
            vaddr += PAGE;
            pte++;
        } while (vaddr < end && (vaddr & 0x3FFFFF));
    }
    return run->n != 0;
}

/* Pages that are there already (a switchover); false when there is no memory for page tables. */
bool aspace_map_run(struct aspace *as, const struct run *run)
{
    uint32_t flags = pte_flags(vma_find(as, run->vaddr)->prot), *pte = 0;

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
    return as->vmas->count ? as->vmas->vma : 0;
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
