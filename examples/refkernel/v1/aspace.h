/* v1: the address space of a process. */
#ifndef ASPACE_H
#define ASPACE_H
#include <stdint.h>
#include "param.h"

struct vma { uint32_t start, end, prot, kind; };

struct vma_table { uint32_t count; struct vma vma[NVMA]; };

/* An address space: the page tables say which pages exist. */
struct aspace {
    uint32_t pgdir; /* physical */
    uint32_t brk_start, brk;
    struct vma_table *vmas;
};
#endif
