/* v1: the address space of a process. */
#ifndef ASPACE_H
#define ASPACE_H
#include <stdint.h>
#include "param.h"

struct vma { uint32_t start, end, prot, kind; };

struct vma_table { uint32_t count; struct vma vma[NVMA]; };

/* An address space: the page tables say which pages exist; until it has some, what it was given. */
struct aspace {
    uint32_t pgdir; /* physical; 0: no page tables yet */
    uint32_t brk_start, brk;
    struct vma_table *vmas;
    struct run *given, *given_at, *given_end; /* in order; given_at: where the last look-up ended */
};
#endif
