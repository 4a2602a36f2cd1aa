/* v2: the address space of a process. */
#ifndef ASPACE_H
#define ASPACE_H
#include <stdbool.h>
#include <stdint.h>

struct vma {
    struct vma *next;
    uint16_t kind, prot;
    uint32_t end, start;
};

/* Pages next to each other in linear and in physical addresses. */
struct extent {
    struct extent *next;
    uint32_t n, paddr, vaddr;
    bool cow;    /* they may be others' too, until someone writes */
    bool shared; /* they are others' too, for ever */
};

/* An address space: the extents say which pages exist, page tables are made as they are touched. */
struct aspace {
    struct vma *vmas;
    struct extent *extents, *hint; /* hint: where the last look-up ended */
    uint32_t vma_count;
    uint32_t brk, brk_start;
    uint32_t pgdir; /* physical; 0: not run yet */
};
#endif
