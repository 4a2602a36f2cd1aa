/* v2: the registers of a process as entry.S leaves them. */
#ifndef TRAPFRAME_H
#define TRAPFRAME_H
#include <stdint.h>

/* User registers, in the order entry.S pushes them; the CPU enters a process's trap right here. */
struct trapframe {
    uint32_t edi, esi, ebp, kernel_esp, ebx, edx, ecx, eax;
    uint32_t gs, fs, es, ds;
    uint32_t vector, error;
    uint32_t eip, cs, eflags, esp, ss; /* by the CPU */
};
#endif
