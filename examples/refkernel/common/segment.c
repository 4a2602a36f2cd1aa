/* GDT and TSS. The segments are flat; the user's selectors are those of Linux i386. */
#include "kernel.h"

struct __attribute__((packed)) descriptor_table { uint16_t limit; uint32_t base; };

/* 32-bit TSS: only the stack of ring 0 is used, hardware task switching is not. */
static struct __attribute__((packed)) {
    uint32_t link, esp0, ss0;
    uint32_t unused[22];
    uint16_t trap, io_map;
} tss;

static uint64_t gdt[32];

uint64_t segment_descriptor(uint32_t base, uint32_t limit, uint8_t access, uint8_t flags)
{
    return (limit & 0xFFFF) | (uint64_t)(base & 0xFFFFFF) << 16 | (uint64_t)access << 40
           | (uint64_t)(limit >> 16 & 0xF) << 48 | (uint64_t)flags << 52
           | (uint64_t)(base >> 24) << 56;
}

void segment_init(void)
{
    struct descriptor_table table = { sizeof gdt - 1, (uint32_t)gdt };

    gdt[KERNEL_CS / 8] = segment_descriptor(0, 0xFFFFF, 0x9B, 0xC);
    gdt[KERNEL_DS / 8] = segment_descriptor(0, 0xFFFFF, 0x93, 0xC);
    gdt[USER_CS / 8] = segment_descriptor(0, 0xFFFFF, 0xFB, 0xC);
    gdt[USER_DS / 8] = segment_descriptor(0, 0xFFFFF, 0xF3, 0xC);
    tss.ss0 = KERNEL_DS;
    tss.io_map = sizeof tss; /* beyond its end: no port for user mode */
    gdt[TSS_SELECTOR / 8] = segment_descriptor((uint32_t)&tss, sizeof tss - 1, 0x89, 0);
    __asm__ volatile("lgdt %0\n\t"
                     "ljmp %1, $1f\n1:\t"
                     "movl %2, %%ds\n\tmovl %2, %%es\n\tmovl %2, %%ss\n\t"
                     "movl %3, %%fs\n\tmovl %3, %%gs\n\t"
                     "lldt %w3\n\tltr %w4"
                     : : "m"(table), "i"(KERNEL_CS), "r"(KERNEL_DS), "r"(0), "r"(TSS_SELECTOR)
                     : "memory");
}

/* What the process that is to run has described (tls.c). */
void segment_tls(const uint64_t tls[3])
{
    gdt[TLS_SELECTOR / 8] = tls[0];
    gdt[TLS_SELECTOR / 8 + 1] = tls[1];
    gdt[TLS_SELECTOR / 8 + 2] = tls[2];
}

/* Where the next trap from user mode pushes: the end of that process's trap frame. */
void segment_stack(uint32_t esp0)
{
    tss.esp0 = esp0;
}
