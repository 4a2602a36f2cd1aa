/* Multiboot 1: what a boot loader hands over (Multiboot Specification 0.6.96). */
#ifndef MULTIBOOT_H
#define MULTIBOOT_H
#define MULTIBOOT_HEADER_MAGIC 0x1BADB002
#define MULTIBOOT_HEADER_FLAGS 0x00000003 /* align modules, give the memory map */
#define MULTIBOOT_MAGIC 0x2BADB002        /* EAX at entry */

#ifndef __ASSEMBLER__
#include <stdint.h>
enum { MULTIBOOT_MEMORY = 1, MULTIBOOT_CMDLINE = 4, MULTIBOOT_MODS = 8, MULTIBOOT_MMAP = 0x40 };

struct multiboot_info {
    uint32_t flags, mem_lower, mem_upper; /* KiB */
    uint32_t boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr;
};
struct multiboot_module { uint32_t start, end, string, reserved; };
struct __attribute__((packed)) multiboot_memory {
    uint32_t size; /* of what follows */
    uint64_t base, length;
    uint32_t type; /* 1: RAM */
};
#endif
#endif
