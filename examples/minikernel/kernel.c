/* A minimal kernel: processes in ring 3, a timer tick, write(). It runs with interrupts off, on one
   stack; a trap leaves the registers of its process in struct proc and ends in schedule(), so that
   there is never a stack to save. What makes it switchable is in switch.c. */
#include "mini.h"

enum { PROGRAM = 0x08048000, STACK = PROGRAM - PAGE, READY = 0x20 };

extern char traps[], program[], program_end[];
void resume_user(struct regs *regs) __attribute__((noreturn));

struct proc procs[NPROC];
uint32_t pages[NPROC][1024] __attribute__((aligned(PAGE)));
static struct proc *current = procs;
static uint32_t ram_tables[RAM_MAX >> 22][1024] __attribute__((aligned(PAGE)));
static uint32_t pgdirs[NPROC][1024] __attribute__((aligned(PAGE)));
static uint32_t tss[26];
static uint64_t gdt[16], idt[T_SYSCALL + 1];

/* RAM is mapped where it is, for the kernel alone; the programs lie above it. */
static void paging_init(void)
{
    for (uint32_t pa = 0; pa < RAM_MAX; pa += PAGE)
        ram_tables[pa >> 22][pa / PAGE % 1024] = pa | PTE_P | PTE_W;
    for (int i = 0; i < NPROC; i++) {
        for (int table = 0; table < RAM_MAX >> 22; table++)
            pgdirs[i][table] = (uint32_t)ram_tables[table] | PTE_P | PTE_W;
        pgdirs[i][USER_LO >> 22] = (uint32_t)pages[i] | PTE_P | PTE_W | PTE_U;
    }
    write_cr3((uint32_t)pgdirs);
    write_cr0(read_cr0() | CR0_PG | CR0_WP | CR0_EM); /* EM: our programs have no x87 */
}

void processor_init(void)
{
    static const uint8_t writes[][2] = { /* both 8259A, then the 8254 */
        { 0x20, 0x11 }, { 0x21, 0x20 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xFA },
        { 0xA0, 0x11 }, { 0xA1, 0x28 }, { 0xA1, 0x02 }, { 0xA1, 0x01 }, { 0xA1, 0xFB },
        { 0x43, 0x34 }, { 0x40, (1193182 / HZ) & 0xFF }, { 0x40, 1193182 / HZ >> 8 } };
    struct __attribute__((packed)) { uint16_t limit; uint32_t base; }
        gdtr = { sizeof gdt - 1, (uint32_t)gdt }, idtr = { sizeof idt - 1, (uint32_t)idt };

    paging_init();
    gdt[KERNEL_CS / 8] = 0x00CF9B000000FFFF, gdt[KERNEL_DS / 8] = 0x00CF93000000FFFF;
    gdt[USER_CS / 8] = 0x00CFFB000000FFFF, gdt[USER_DS / 8] = 0x00CFF3000000FFFF;
    gdt[TSS / 8] = 0x0000890000000067 | (uint64_t)(uint32_t)tss << 16;
    tss[2] = KERNEL_DS, tss[25] = sizeof tss << 16; /* SS0; no I/O bitmap */
    for (uint32_t i = 0, at = (uint32_t)traps; i <= 48; i++, at += 16)
        idt[i < 48 ? i : T_SYSCALL] = (uint64_t)(at >> 16 << 16 | (i < 48 ? 0x8E00 : 0xEE00)) << 32
                                      | KERNEL_CS << 16 | (at & 0xFFFF);
    __asm__ volatile("lgdt %0; lidt %1; ljmp %2, $1f; 1: movl %3, %%ds; movl %3, %%es\n\t"
                     "movl %3, %%ss; ltr %w4" : : "m"(gdtr), "m"(idtr), "i"(KERNEL_CS),
                     "r"(KERNEL_DS), "r"(TSS) : "memory");
    for (uint32_t i = 0; i < sizeof writes / sizeof *writes; i++)
        outb(writes[i][0], writes[i][1]);
}

/* A page of a process, with the rights of its range. */
void map_page(struct proc *p, uint32_t at, uint32_t pa)
{
    const struct range *range = p->range;

    while (range < p->range + NRANGE && !(at >= range->start && at < range->end))
        range++;
    must(range < p->range + NRANGE && at >= USER_LO && at < USER_HI, SC_REASON_BAD_MAP);
    pages[p - procs][at / PAGE % 1024] = pa | PTE_P | (range->prot ? PTE_U : 0)
                                         | (range->prot & SSM_PROT_WRITE ? PTE_W : 0);
}

/* Between two processes: nothing is half done, which is where a switchover begins. */
static void schedule(void) __attribute__((noreturn));
static void schedule(void)
{
    switchover_point();
    for (int tries = 0; !current->pid || current->state != SSM_STATE_RUNNABLE; tries++) {
        must(tries < NPROC, SC_REASON_PANIC); /* all have ended */
        current = current < procs + NPROC - 1 ? current + 1 : procs;
    }
    tss[1] = (uint32_t)(&current->regs + 1); /* ESP0: the next trap pushes into current->regs */
    write_cr3((uint32_t)pgdirs[current - procs]);
    resume_user(&current->regs);
}

static uint32_t sys_write(uint32_t number, uint32_t from, uint32_t len)
{
    if (!fd_is_open(current->pid, number))
        return -9u; /* EBADF */
    for (uint32_t at = from; at != from + len; at++) {
        if (at < USER_LO || at >= USER_HI || !(pages[current - procs][at / PAGE % 1024] & PTE_U))
            return -14u; /* EFAULT */
        while (!(inb(COM1_STATUS) & READY))
            ;
        outb(COM1, *(const uint8_t *)at);
    }
    return len;
}

/* From ring 3; the registers are in current->regs. */
void trap(void) __attribute__((noreturn));
void trap(void)
{
    struct regs *r = &current->regs;

    if (r->vector == 48) { /* int 0x80: write, getpid, else ENOSYS */
        r->eax = r->eax == 4 ? sys_write(r->ebx, r->ecx, r->edx)
                 : r->eax == 20 ? current->pid : -38u;
    } else if (r->vector >= 32) {
        if (r->vector == 32 + SC_IRQ) {
            switchover_notice();
            outb(0xA0, 0x20); /* end of interrupt */
        } else if (r->vector == 32) {
            current->utime_ns += 1000000000 / HZ;
            current = current < procs + NPROC - 1 ? current + 1 : procs;
            switchover_tick();
        }
        outb(0x20, 0x20);
    } else {
        current->state = SSM_STATE_ZOMBIE, current->exit_code = 11; /* as SIGSEGV ends one */
        memset(current->range, 0, sizeof current->range);
        memset(pages[current - procs], 0, PAGE);
    }
    schedule();
}

/* An exception in the kernel itself. */
void kernel_fault(void) __attribute__((noreturn));
void kernel_fault(void)
{
    must(false, SC_REASON_PANIC);
    __builtin_unreachable();
}

static uint32_t cmos(uint8_t reg)
{
    uint8_t bcd = (outb(0x70, reg), inb(0x71));
    return (uint32_t)(bcd >> 4) * 10 + (bcd & 15);
}

static uint64_t cmos_ns(void) /* since 1970; years begin in March */
{
    uint32_t month = (cmos(8) + 9) % 12, year = 2000 + cmos(9) - (month > 9);
    uint32_t days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5;

    return ((days + cmos(7) - 719469) * 86400ull + cmos(4) * 3600 + cmos(2) * 60 + cmos(0))
           * 1000000000;
}

/* Two processes with the same program, each with its page, a stack and the console as output. */
static void cold_boot(void)
{
    static const uint8_t uart[][2] = { /* 115200 baud, 8N1, FIFO */
        { 3, 0x83 }, { 0, 1 }, { 1, 0 }, { 3, 3 }, { 2, 7 }, { 4, 3 } };

    for (uint32_t i = 0; i < sizeof uart / sizeof *uart; i++)
        outb((uint16_t)(COM1 + uart[i][0]), uart[i][1]);
    switchover_reserve();
    time.boot_ns = now();
    wall_offset = cmos_ns() - time.boot_ns;
    processor_init();
    for (uint32_t pid = 1, pa = SSM_KERNEL_END; pid <= 2; pid++, pa += 2 * PAGE) {
        struct proc *p = &procs[pid - 1];
        *p = (struct proc){ .pid = pid, .name = "counter", .pgrp = 1, .sid = 1,
            .regs = { .cs = USER_CS, .ds = USER_DS, .es = USER_DS, .ss = USER_DS, .eip = PROGRAM,
                      .esp = PROGRAM, .eflags = EFLAGS_IF | 2 },
            .range = { { .start = STACK, .end = PROGRAM, .prot = 3, .kind = SSM_VMA_STACK },
                       { .start = PROGRAM, .end = PROGRAM + PAGE, .prot = 7 } } };
        memset((void *)pa, 0, 2 * PAGE);
        memcpy((void *)(pa + PAGE), program, (uint32_t)(program_end - program));
        map_page(p, STACK, pa);
        map_page(p, PROGRAM, pa + PAGE);
        kept_add(pid);
    }
}

void kmain(uint32_t magic, const struct ssm_boot *boot) __attribute__((noreturn));
void kmain(uint32_t magic, const struct ssm_boot *boot)
{
    if (magic == SSM_MAGIC)
        take_over(boot);
    else
        cold_boot();
    schedule();
}
