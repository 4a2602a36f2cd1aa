/* Page tables: the record of which pages a process has, once it has run. A page shared until someone
   writes is read-only and has PTE_COW, one of the bits the CPU leaves to us. */
#include "kernel.h"
#include "pages.h"

#define PTE_COW 0x200u
#define PTE_SEEN 0x60u /* accessed, dirty: the CPU's notes */

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

/* All but the pages. */
static void free_tables(struct aspace *as)
{
    if (PAGE_DOWN(read_cr3()) == as->pgdir)
        write_cr3(kernel_pgdir);
    for (uint32_t i = USER_LO >> 22; i < USER_HI >> 22; i++)
        if (pgdir_of(as)[i] & PTE_P)
            frame_free(PAGE_DOWN(pgdir_of(as)[i]));
    frame_free(as->pgdir);
    as->pgdir = 0;
}

/* A page directory, with the pages that were given; false, and nothing done, without memory. */
bool pages_make(struct aspace *as)
{
    const uint32_t *kernel = P2V(kernel_pgdir);

    as->pgdir = frame_for_kernel();
    if (!as->pgdir)
        return false;
    memset(pgdir_of(as), 0, PAGE);
    pgdir_of(as)[0] = kernel[0];
    for (uint32_t i = DIRECT_MAP >> 22; i < 1024 && kernel[i]; i++)
        pgdir_of(as)[i] = kernel[i];
    for (struct run *run = as->given; run < as->given_end; run++)
        if (!pages_map(as, vma_find(as, run->vaddr), run)) {
            free_tables(as);
            return false;
        }
    as->given = as->given_at = as->given_end = 0;
    return true;
}

void pages_delete(struct aspace *as)
{
    aspace_drop(as, USER_LO, USER_HI);
    free_tables(as);
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

/* The next run in page tables, as aspace_next_run() has it. */
bool pages_next_run(struct aspace *as, struct run *run, uint32_t end)
{
    uint32_t vaddr = run->vaddr + run->n * PAGE, expected = 0;

    run->n = 0;
    while (vaddr < end) {
        uint32_t *pte = entry(as, vaddr, false), *first = pte, *stop;
        if (!pte) {
            if (run->n)
                return true;
            vaddr = (vaddr & ~0x3FFFFFu) + 0x400000;
            continue;
        }
        stop = pte + MIN(1024 - (vaddr >> 12 & 1023), (end - vaddr) / PAGE);
        if (!run->n) {
            while (stop - pte >= 4 && !(pte[0] | pte[1] | pte[2] | pte[3]))
                pte += 4;
            while (pte < stop && !*pte)
                pte++;
            vaddr += (uint32_t)(pte - first) * PAGE;
            if (pte == stop)
                continue;
            expected = *pte & ~PTE_SEEN;
            *run = (struct run){ vaddr, PAGE_DOWN(expected), 0, is_cow(expected) };
            first = pte;
        }
        for (; pte < stop && (*pte & ~PTE_SEEN) == expected; pte++, expected += PAGE)
            if ((expected & PTE_COW) && is_cow(expected) != run->cow)
                break;
        run->n += (uint32_t)(pte - first);
        if (pte < stop)
            return true;
        vaddr = run->vaddr + run->n * PAGE;
    }
    return run->n != 0;
}

/* The same for all runs of a range, in one go. */
void pages_each_run(struct aspace *as, const struct vma *vma, run_told *tell, void *to)
{
    struct run run = { .n = 0 };
    uint32_t expected = 0, next; /* what continues the run; 0: nothing */

    for (uint32_t vaddr = vma->start; vaddr < vma->end; vaddr = next) {
        const uint32_t *pte = entry(as, vaddr, false), *first = pte, *stop;
        next = MIN((vaddr | 0x3FFFFF) + 1, vma->end);
        if (!pte) {
            expected = 0;
            continue;
        }
        for (stop = pte + (next - vaddr) / PAGE; pte < stop; pte++) {
            uint32_t page = *pte & ~PTE_SEEN;
            if (page && page == expected && (!(page & PTE_COW) || is_cow(page) == run.cow)) {
                run.n++;
            } else if (page) {
                if (run.n)
                    tell(to, vma, &run);
                run = (struct run){ vaddr + (uint32_t)(pte - first) * PAGE, PAGE_DOWN(page), 1,
                                    is_cow(page) };
            } else {
                expected = 0;
                while (stop - pte > 4 && !(pte[1] | pte[2] | pte[3] | pte[4]))
                    pte += 4;
                continue;
            }
            expected = page + PAGE;
        }
    }
    if (run.n)
        tell(to, vma, &run);
}

/* Enters pages; false when there is no memory for page tables. */
bool pages_map(struct aspace *as, const struct vma *vma, const struct run *run)
{
    uint32_t flags = pte_flags(vma->prot), *pte = 0;

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

