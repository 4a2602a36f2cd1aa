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

/* Where a call has just returned to: a tick that comes in there came while the kernel worked. */
static struct { struct proc *p; uint32_t eip; } returned;

static void irq(int line)
{
    if (pic_is_spurious(line))
        return;
    if (line == 0)
        clock_tick(current != returned.p || current->frame.eip != returned.eip);
    else if (line == 1)
        kbd_irq();
    else if (line == 4)
        uart_irq();
    else if (line == SC_IRQ)
        sc_irq();
    pic_eoi(line);
}

static void page_fault(struct proc *p)
{
    uint32_t at = read_cr2();
    int signo = aspace_touch(&p->as, at, p->frame.error & 2);

    p->task.faults++;
    if (signo == SIGKILL) {
        print("%s[%u]: no memory for %x\n", p->name, p->pid, at);
        process_exit(p, SIGKILL);
    } else if (signo) {
        signal_fault(p, signo, vma_find(&p->as, at) ? SEGV_ACCERR : SEGV_MAPERR, at);
    }
}

/* What the x87's status word, or MXCSR, says of an unmasked exception. */
static int32_t fpu_code(uint32_t vector)
{
    static const uint8_t codes[6] = { FPE_FLTINV, FPE_FLTUND, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND,
                                      FPE_FLTRES };
    uint16_t status, control;
    uint32_t raised;

    if (vector == T_XMM) {
        __asm__ volatile("stmxcsr %0" : "=m"(raised));
        raised &= ~(raised >> 7) & 0x3F;
    } else {
        __asm__ volatile("fnstsw %0\n\tfnstcw %1" : "=m"(status), "=m"(control));
        raised = status & ~control & 0x3F;
    }
    return raised ? codes[__builtin_ctz(raised)] : FPE_FLTINV;
}

/* A fault of the program's that is a signal. */
static void fault(struct proc *p, uint32_t vector)
{
    static const struct { uint8_t signo, code; } signals[32] = {
        [T_DIVIDE] = { SIGFPE, FPE_INTDIV }, [T_DEBUG] = { SIGTRAP, TRAP_TRACE },
        [T_BREAK] = { SIGTRAP, SI_KERNEL }, [T_OVERFLOW] = { SIGSEGV, SI_KERNEL },
        [T_BOUND] = { SIGSEGV, SI_KERNEL }, [T_OPCODE] = { SIGILL, ILL_ILLOPN },
        [T_FPU] = { SIGFPE, 0 }, [T_XMM] = { SIGFPE, 0 }, [T_ALIGN] = { SIGBUS, BUS_ADRALN },
    };
    uint32_t known = vector < 32 && signals[vector].signo ? vector : T_OVERFLOW;

    signal_fault(p, signals[known].signo,
                 signals[known].code || known == T_OVERFLOW ? signals[known].code : fpu_code(known),
                 known == T_OVERFLOW ? 0 : p->frame.eip);
}

/* From user mode: the registers are in current->frame. */
void trap_user(void) __attribute__((noreturn));
void trap_user(void)
{
    struct proc *p = current;
    uint32_t vector = p->frame.vector;

    if (vector == T_SYSCALL) {
        syscall(p);
        returned.p = p, returned.eip = p->frame.eip;
    } else if (vector >= IRQ_BASE && vector < IRQ_BASE + 16) {
        irq((int)(vector - IRQ_BASE));
        returned.p = 0;
    } else if (vector == T_PAGE) {
        page_fault(p);
    } else if (vector == T_NO_FPU) {
        if (!fpu_trap(p)) {
            print("%s[%u]: no memory for the FPU\n", p->name, p->pid);
            process_exit(p, SIGKILL);
        }
    } else {
        fault(p, vector);
    }
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
