/* Physical memory: which part of it is whose, and the kernel's own page tables.

       0x00100000  the kernel, everything static; linear = physical
       0x00200000  frames: page tables, kernel objects, user pages, the Save State Map
       ...         the initrd, in place
       memory.hi   RESERVE: SCRATCH (kernel objects until COMMIT), STAGE, ECHO

   All of it is mapped once more from DIRECT_MAP on: where the kernel reads and writes it. */
#include "kernel.h"
#include "multiboot.h"

struct memory memory;
uint32_t kernel_pgdir;
static uint32_t tables; /* of the direct map, one behind the other; physical */

static void add_region(uint64_t base, uint64_t len)
{
    uint64_t end = MIN(base + len, (uint64_t)RAM_MAX);

    if (base <= SSM_KERNEL_LO && end > SSM_KERNEL_END) {
        memory.lo = SSM_KERNEL_END;
        memory.hi = PAGE_DOWN((uint32_t)end);
    }
}

void memory_cold(uint32_t at)
{
    const struct multiboot_info *info = (void *)at;

    if (info->flags & MULTIBOOT_MMAP) {
        uint32_t entry = info->mmap_addr, end = entry + info->mmap_length;
        while (entry < end) {
            const struct multiboot_memory *region = (void *)entry;
            if (region->type == 1)
                add_region(region->base, region->length);
            entry += region->size + sizeof region->size;
        }
    } else if (info->flags & MULTIBOOT_MEMORY) {
        add_region(0x100000, (uint64_t)info->mem_upper << 10);
    }
    memory.top = memory.hi;
    if ((info->flags & MULTIBOOT_MODS) && info->mods_count) {
        const struct multiboot_module *module = (void *)info->mods_addr;
        memory.initrd = module->start;
        memory.initrd_len = module->end - module->start;
        /* a loader other than ours may put it where the first free frames would be */
        if (module->start < memory.lo + (4 << 20) && module->end > memory.lo)
            memory.lo = PAGE_UP(module->end);
        memory.top = MAX(memory.top, PAGE_UP(module->end));
    }
}

/* At a switchover the early frames come out of SCRATCH; the initrd is found in the map. */
void memory_switch(const struct ssm_boot *boot)
{
    memory.lo = SSM_KERNEL_END;
    memory.hi = MIN(MIN(boot->mem_top, boot->scratch_lo), RAM_MAX);
    memory.top = MAX(boot->mem_top, boot->echo_pa + boot->echo_len);
    memory.scratch_lo = PAGE_UP(boot->scratch_lo);
    memory.scratch_hi = PAGE_DOWN(boot->scratch_hi);
}

/* The next frame of SCRATCH, for the kernel's own objects only; 0 when there is none left. */
uint32_t scratch_frame(void)
{
    uint32_t pa = memory.scratch_lo;

    if (pa >= memory.scratch_hi)
        return 0;
    memory.scratch_lo += PAGE;
    return pa;
}

/* A frame before the frame allocator works; never given back. */
uint32_t early_frame(void)
{
    uint32_t pa = scratch_frame();

    if (!pa) {
        pa = memory.lo;
        memory.lo += PAGE;
    }
    if (pa >= memory.top)
        panic("no RAM above 2 MiB: give the machine at least 16 MiB");
    return pa;
}

/* Makes [lo, hi) of RAM reachable at DIRECT_MAP, in steps of 4 MiB, what a page table maps. */
void paging_reach(uint32_t lo, uint32_t hi)
{
    uint32_t base = read_cr0() & CR0_PG ? DIRECT_MAP : 0; /* where it finds the tables itself */

    for (uint32_t slice = lo >> 22; slice << 22 < hi; slice++) {
        uint32_t *pde = (uint32_t *)(base + kernel_pgdir) + (DIRECT_MAP >> 22) + slice;
        uint32_t table = tables + slice * PAGE, pte = slice << 22 | PTE_P | PTE_W;
        if (*pde)
            continue;
        *pde = table | PTE_P | PTE_W;
        for (uint32_t *at = (uint32_t *)(base + table), *end = at + 1024; at < end; at += 8) {
            at[0] = pte, at[1] = pte + PAGE, at[2] = pte + 2 * PAGE, at[3] = pte + 3 * PAGE;
            at[4] = pte + 4 * PAGE, at[5] = pte + 5 * PAGE, at[6] = pte + 6 * PAGE;
            at[7] = pte + 7 * PAGE;
            pte += 8 * PAGE;
        }
    }
}

/* Runs with paging off: what it writes it writes at physical addresses. In a new kernel, that user
   programs wait for, no more can be reached at first than the kernel and RESERVE. */
void paging_init(void)
{
    uint32_t *pgdir, reserve = memory.scratch_lo;

    kernel_pgdir = early_frame();
    pgdir = (uint32_t *)kernel_pgdir;
    memset(pgdir, 0, PAGE);
    tables = early_frame();
    for (uint32_t pa = 4 << 20; pa < memory.top; pa += 4 << 20)
        early_frame(); /* they come one behind the other */
    paging_reach(0, before_commit ? PAGE : memory.top);
    if (before_commit)
        paging_reach(reserve, memory.top);
    pgdir[0] = pgdir[DIRECT_MAP >> 22];
    write_cr3(kernel_pgdir);
    write_cr0((read_cr0() & ~CR0_EM) | CR0_PG | CR0_WP | CR0_NE | CR0_MP | CR0_TS);
}
