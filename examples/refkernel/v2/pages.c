/* Page tables: nothing but what the CPU needs, made of extents (aspace.c) as pages are touched. */
#include "kernel.h"
#include "pages.h"

/* The page table entry of a linear address; 0 without a table for it, unless it is to `create`. */
uint32_t *pages_entry(struct aspace *as, uint32_t vaddr, bool create)
{
    uint32_t *pde, pa;

    if (!as->pgdir) {
        as->pgdir = create ? frame_for_kernel() : 0;
        if (!as->pgdir)
            return 0;
        memcpy(P2V(as->pgdir), P2V(kernel_pgdir), PAGE);
    }
    pde = (uint32_t *)P2V(as->pgdir) + (vaddr >> 22);
    if (!(*pde & PTE_P)) {
        pa = create ? frame_for_kernel() : 0;
        if (!pa)
            return 0;
        memset(P2V(pa), 0, PAGE);
        *pde = pa | PTE_P | PTE_W | PTE_U;
    }
    return (uint32_t *)P2V(PAGE_DOWN(*pde)) + (vaddr >> 12 & 1023);
}

/* Takes bits from what the page tables say of [from, to). */
void pages_clear(struct aspace *as, uint32_t from, uint32_t to, uint32_t bits)
{
    for (uint32_t vaddr = from; as->pgdir && vaddr < to; vaddr += PAGE) {
        uint32_t *pte = pages_entry(as, vaddr, false);
        if (!pte) {
            vaddr |= 0x3FF000;
        } else if (*pte) {
            *pte &= ~bits;
            invlpg(vaddr);
        }
    }
}

/* false when there is no frame for its page directory. */
bool aspace_use(struct aspace *as)
{
    if (!as->pgdir && !pages_entry(as, STACK_HI - PAGE, true))
        return false;
    if (read_cr3() != as->pgdir)
        write_cr3(as->pgdir);
    return true;
}

/* The range's protection has changed: its pages are mapped anew when they are touched. */
void aspace_protect(struct aspace *as, uint32_t from, uint32_t to)
{
    pages_clear(as, from, to, ~0u);
}

/* All of them; the pages themselves are aspace.c's. */
void pages_delete(struct aspace *as)
{
    uint32_t *pgdir = P2V(as->pgdir);

    if (!as->pgdir)
        return;
    if (read_cr3() == as->pgdir)
        write_cr3(kernel_pgdir);
    for (uint32_t i = USER_LO >> 22; i < USER_HI >> 22; i++)
        if (pgdir[i] & PTE_P)
            frame_free(PAGE_DOWN(pgdir[i]));
    frame_free(as->pgdir);
    as->pgdir = 0;
}
