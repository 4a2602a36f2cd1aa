/* Traps: the IDT, and what each vector leads to. The kernel runs with interrupts off; they come in
   from user mode and from idle() only, so every trap ends in schedule() and none returns. */
#include "kernel.h"

extern char trap_stubs[];

static uint64_t idt[T_SYSCALL + 1];

static void gate(int vector, int level)
{
    uint32_t entry = (uint32_t)trap_stubs + 16 * vector;

    idt[vector] = (entry & 0xFFFF) | (uint64_t)KERNEL_CS << 16
                  | (uint64_t)(0x8E00 | level << 13) << 32 | (uint64_t)(entry >> 16) << 48;
}

void trap_init(void)
{
    struct __attribute__((packed)) { uint16_t limit; uint32_t base; } table =
        { sizeof idt - 1, (uint32_t)idt };

    for (int vector = 0; vector < 32; vector++)
        gate(vector, vector == T_BREAK || vector == T_OVERFLOW ? 3 : 0);
    for (int irq = 0; irq < 16; irq++)
        gate(IRQ_BASE + irq, 0);
    gate(T_SYSCALL, 3);
    __asm__ volatile("lidt %0" : : "m"(table));
}

static void irq(int line)
{
    if (pic_is_spurious(line))
        return;
    if (line == 0)
        clock_tick();
    else if (line == 4)
        uart_irq();
    else if (line == SC_IRQ)
        sc_irq();
    pic_eoi(line);
}

static void page_fault(struct proc *p)
{
    uint32_t at = read_cr2();

    if (!aspace_touch(&p->as, at, p->frame.error & 2))
        signal_fault(p, SIGSEGV);
}

/* From user mode: the registers are in current->frame. */
void trap_user(void) __attribute__((noreturn));
void trap_user(void)
{
    static const uint8_t signals[32] = {
        [T_DIVIDE] = SIGFPE, [T_DEBUG] = SIGTRAP, [T_BREAK] = SIGTRAP, [T_OVERFLOW] = SIGSEGV,
        [T_BOUND] = SIGSEGV, [T_OPCODE] = SIGILL, [T_FPU] = SIGFPE, [T_ALIGN] = SIGBUS,
    };
    struct proc *p = current;
    uint32_t vector = p->frame.vector;

    if (vector == T_SYSCALL)
        syscall(p);
    else if (vector >= IRQ_BASE && vector < IRQ_BASE + 16)
        irq((int)(vector - IRQ_BASE));
    else if (vector == T_PAGE)
        page_fault(p);
    else if (vector == T_NO_FPU)
        fpu_trap(p);
    else
        signal_fault(p, vector < 32 && signals[vector] ? signals[vector] : SIGSEGV);
    schedule();
}

/* From the kernel: an IRQ has ended idle(), or there is a bug; fault: vector, error, EIP, CS. */
void trap_kernel(uint32_t vector, const uint32_t *fault) __attribute__((noreturn));
void trap_kernel(uint32_t vector, const uint32_t *fault)
{
    if (vector < 32)
        panic("exception %u, error %x at %x, address %x", vector, fault[1], fault[2], read_cr2());
    irq((int)(vector - IRQ_BASE));
    schedule();
}
