/* i386 instructions the C language has no words for, and the bits of its registers we use. */
#ifndef X86_H
#define X86_H
#include <stdint.h>

#define CR0_MP 0x00000002u /* with TS: WAIT traps too */
#define CR0_TS 0x00000008u /* the next x87 instruction raises #NM */
#define CR0_NE 0x00000020u /* x87 faults as exception 16, not IRQ 13 */
#define CR0_WP 0x00010000u /* the kernel obeys read-only pages too */
#define CR0_PG 0x80000000u
#define CR0_EM 0x00000004u

#define CR4_OSFXSR     0x00000200u /* fxsave stores XMM registers, SSE instructions work */
#define CR4_OSXMMEXCPT 0x00000400u /* SSE faults as exception 19 */
#define CPUID_FXSR     0x01000000u
#define CPUID_SSE      0x02000000u
#define EFLAGS_ID      0x00200000u /* can be changed where there is CPUID */

#define PTE_P 1u  /* present */
#define PTE_W 2u  /* writable */
#define PTE_U 4u  /* user may use it */
#define PAGE 4096u
#define PAGE_MASK (PAGE - 1)

#define EFLAGS_TF 0x00000100u
#define EFLAGS_IF 0x00000200u
#define EFLAGS_DF 0x00000400u
/* what a program may change: CF PF AF ZF SF TF DF OF AC */
#define EFLAGS_USER 0x00040DD5u

enum { T_DIVIDE = 0, T_DEBUG = 1, T_BREAK = 3, T_OVERFLOW = 4, T_BOUND = 5, T_OPCODE = 6,
       T_NO_FPU = 7, T_GP = 13, T_PAGE = 14, T_FPU = 16, T_ALIGN = 17, T_XMM = 19,
       T_SYSCALL = 0x80 };

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

/* the clobber: the switchover card reads and writes memory before the OUT ends */
static inline uint32_t inl(uint16_t port)
{
    uint32_t value;
    __asm__ volatile("inl %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint32_t read_cr0(void)
{
    uint32_t value;
    __asm__ volatile("movl %%cr0, %0" : "=r"(value));
    return value;
}

static inline void write_cr0(uint32_t value)
{
    __asm__ volatile("movl %0, %%cr0\n\tjmp 1f\n1:" : : "r"(value) : "memory");
}

static inline uint32_t read_cr2(void)
{
    uint32_t value;
    __asm__ volatile("movl %%cr2, %0" : "=r"(value));
    return value;
}

static inline void write_cr3(uint32_t value)
{
    __asm__ volatile("movl %0, %%cr3" : : "r"(value) : "memory");
}

static inline uint32_t read_cr3(void)
{
    uint32_t value;
    __asm__ volatile("movl %%cr3, %0" : "=r"(value));
    return value;
}

static inline void invlpg(uint32_t linear)
{
    __asm__ volatile("invlpg (%0)" : : "r"(linear) : "memory");
}

static inline void clts(void) { __asm__ volatile("clts"); }
static inline void cli(void) { __asm__ volatile("cli" : : : "memory"); }

static inline void fnsave(uint8_t image[108])
{
    __asm__ volatile("fnsave %0" : "=m"(*(uint8_t(*)[108])image));
}

static inline void frstor(const uint8_t image[108])
{
    __asm__ volatile("frstor %0" : : "m"(*(const uint8_t(*)[108])image));
}

static inline void fxsave(uint8_t image[512])
{
    __asm__ volatile("fxsave %0" : "=m"(*(uint8_t(*)[512])image));
}

static inline void fxrstor(const uint8_t image[512])
{
    __asm__ volatile("fxrstor %0" : : "m"(*(const uint8_t(*)[512])image));
}

static inline void halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt");
}

/* The idle loop: sleeps until an interrupt, whose entry abandons this stack (entry.S). */
static inline __attribute__((noreturn)) void idle(void)
{
    for (;;)
        __asm__ volatile("sti\n\thlt" : : : "memory");
}
#endif
