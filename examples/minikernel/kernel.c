/* A whole kernel that can be replaced while its programs run, and take another's place: processes
   in ring 3, a timer tick, write(). It runs with interrupts off, on one stack; a trap leaves the
   registers of its process in struct proc and ends in run(), so that there is no stack to save. */
#include "lkus.h"
#include "x86.h"

enum { HZ = 100, NPROC = 2, RAM_MAX = 96 << 20, COM1 = 0x3F8, IRQ0 = 0x20, /* vector */
       USER_LO = 0x08000000, USER_HI = 0x08400000, PROGRAM = 0x08048000, /* linear addresses */
       KERNEL_CS = 0x08, KERNEL_DS = 0x10, TSS = 0x18, USER_CS = 0x73, USER_DS = 0x7B };

struct regs { /* as entry.S pushes them, the last five the CPU */
    uint32_t gs, fs, es, ds, edi, esi, ebp, unused, ebx, edx, ecx, eax, vector;
    uint32_t eip, cs, eflags, esp, ss;
};

struct proc { /* pid 0: nobody */
#if LAYOUT == 2 /* nothing but the map can carry the processes of the one build to the other */
    uint64_t stime_ns, utime_ns;
#endif
    uint32_t start, end, prot, kind; /* the memory of the process, one range */
    struct regs regs;
    char name[16];
    uint32_t pid, ppid, pgrp, sid, brk_start, brk;
#if LAYOUT == 1
    uint64_t utime_ns, stime_ns;
#endif
};

extern char tick[], card[], other_irq[], system_call[], program[], program_end[]; /* entry.S */
void resume_user(struct regs *regs) __attribute__((noreturn));

static __attribute__((aligned(PAGE))) uint32_t pgdir[1024], ram[RAM_MAX / PAGE], pages[NPROC][1024],
    tss[26] = { [2] = KERNEL_DS, [25] = 26 * 4 << 16 }; /* SS0; no I/O bitmap */
static uint64_t idt[T_SYSCALL + 1], gdt[16] = { /* flat */
    [KERNEL_CS / 8] = 0x00CF9B000000FFFF, [KERNEL_DS / 8] = 0x00CF93000000FFFF,
    [USER_CS / 8] = 0x00CFFB000000FFFF, [USER_DS / 8] = 0x00CFF3000000FFFF };
static struct proc procs[NPROC], *current = procs;

static void gate(int vector, void *to, uint32_t access)
{
    idt[vector] = (uint64_t)(((uint32_t)to & ~0xFFFFu) | access) << 32
                  | KERNEL_CS << 16 | ((uint32_t)to & 0xFFFF);
}

static void processor_init(void)
{
    struct __attribute__((packed)) { uint16_t limit; uint32_t base; }
        gdtr = { sizeof gdt - 1, (uint32_t)gdt }, idtr = { sizeof idt - 1, (uint32_t)idt };

    for (uint32_t i = 0; i < RAM_MAX / PAGE; i++) { /* where it is, and for the kernel alone */
        ram[i] = i * PAGE | PTE_P | PTE_W;
        pgdir[i / 1024] = (uint32_t)&ram[i & ~1023u] | PTE_P | PTE_W;
    }
    write_cr3((uint32_t)pgdir);
    write_cr0(read_cr0() | CR0_PG | CR0_WP | CR0_EM); /* EM: our programs have no x87 */
    gdt[TSS / 8] = 0x0000890000000067 | (uint64_t)(uint32_t)tss << 16;
    for (int vector = 0; vector < IRQ0 + 16; vector++)
        gate(vector, vector < IRQ0 ? (void *)lkus_panic : other_irq, 0x8E00);
    gate(IRQ0, tick, 0x8E00);
    gate(IRQ0 + SC_IRQ, card, 0x8E00);
    gate(T_SYSCALL, system_call, 0xEE00);
    __asm__ volatile("lgdt %0; lidt %1; ljmp %2, $1f; 1: movl %3, %%ds; movl %3, %%es\n\t"
                     "movl %3, %%ss; ltr %w4" : : "m"(gdtr), "m"(idtr), "i"(KERNEL_CS),
                     "r"(KERNEL_DS), "r"(TSS) : "memory");
}

static void chips_init(bool cold)
{
    static const uint16_t writes[][2] = { /* port, byte: both 8259A, the 8254; cold, a 16550 */
        { 0x20, 0x11 }, { 0x21, IRQ0 }, { 0x21, 0x04 }, { 0x21, 0x01 }, { 0x21, 0xFA },
        { 0xA0, 0x11 }, { 0xA1, IRQ0 + 8 }, { 0xA1, 0x02 }, { 0xA1, 0x01 }, { 0xA1, 0xFB },
        { 0x43, 0x34 }, { 0x40, 1193182 / HZ % 256 }, { 0x40, 1193182 / HZ / 256 },
        { COM1 + 3, 0x83 }, { COM1, 1 }, { COM1 + 1, 0 }, { COM1 + 3, 3 }, { COM1 + 2, 7 } };

    for (uint32_t i = 0; i < sizeof writes / sizeof *writes - (cold ? 0 : 5); i++)
        outb(writes[i][0], (uint8_t)writes[i][1]);
}

static uint32_t sys_write(uint32_t fd, uint32_t from, uint32_t len)
{
    if (!lkus_fd_is_open(current->pid, fd))
        return -9u; /* EBADF */
    if (from < current->start || from > current->end || len > current->end - from)
        return -14u; /* EFAULT */
    for (uint32_t at = from; at < from + len; at++) {
        outb(COM1, *(const uint8_t *)at);
        while (!(inb(COM1 + 5) & 0x40)) /* TEMT: until it is out, so that nothing is under way */
            ;                           /* when a switchover begins */
    }
    return len;
}

/* Between two processes nothing is half done: here a switchover begins. */
static __attribute__((noreturn)) void run(void)
{
    lkus_point();
    tss[1] = (uint32_t)(&current->regs + 1); /* ESP0: the next trap pushes into current->regs */
    pgdir[USER_LO >> 22] = (uint32_t)pages[current - procs] | PTE_P | PTE_W | PTE_U;
    write_cr3((uint32_t)pgdir);
    resume_user(&current->regs);
}

void trap(void)
{
    struct regs *r = &current->regs;

    if (r->vector == T_SYSCALL) {
        r->eax = r->eax == 4 ? sys_write(r->ebx, r->ecx, r->edx)
                 : r->eax == 20 ? current->pid : -38u; /* getpid; ENOSYS */
        run();
    }
    if (r->vector == IRQ0 + SC_IRQ)
        lkus_irq();
    if (r->vector == IRQ0) {
        lkus_tick();
        current->utime_ns += 1000000000 / HZ;
        if (++current == procs + NPROC || !current->pid)
            current = procs;
    }
    outb(0xA0, 0x20); /* end of interrupt */
    outb(0x20, 0x20);
    run();
}

/* Process n into the records of the map; returns the table entry of its first page, or 0. */
static uint32_t *save(uint32_t n, struct ssm_proc *proc, struct ssm_vma *vma)
{
    if (n == NPROC || !procs[n].pid)
        return 0;
    LKUS_COPY_PROC(*proc, procs[n]);
    LKUS_COPY_VMA(*vma, procs[n]);
    return &pages[n][vma->start / PAGE % 1024];
}

/* The other way; returns where the entries of its pages go. */
static uint32_t *restore(uint32_t n, const struct ssm_proc *proc, const struct ssm_vma *vma)
{
    lkus_must(n < NPROC && vma->start >= USER_LO && vma->end <= USER_HI, SC_REASON_UNSUPPORTED);
    LKUS_COPY_PROC(procs[n], *proc);
    LKUS_COPY_VMA(procs[n], *vma);
    procs[n].regs.cs = USER_CS, procs[n].regs.ss = USER_DS; /* ring 3, whatever the map says */
    procs[n].regs.eflags = (proc->regs.eflags & EFLAGS_USER) | EFLAGS_IF | 2;
    return &pages[n][vma->start / PAGE % 1024];
}

LKUS_NOTE("minikernel", { "pic", 1, 1 }, { "pit", 1, 1 }, { "cmos", 1, 1 }, { "uart", 1, 1 });
const struct lkus_kernel lkus_kernel = { .hz = HZ, .ram_max = RAM_MAX, .map_room = 512 << 10,
                                         .save = save, .restore = restore };

void kmain(uint32_t magic, const struct ssm_boot *boot)
{
    processor_init();
    chips_init(magic != SSM_MAGIC);
    if (!lkus_boot(magic, boot)) /* nobody hands us processes: two of our own */
        for (uint32_t n = 0, pa = SSM_KERNEL_END; n < NPROC; n++, pa += 2 * PAGE) {
            procs[n] = (struct proc){ .pid = n + 1, .name = "counter", .pgrp = 1, .sid = 1,
                .start = PROGRAM - PAGE, .end = PROGRAM + PAGE, .prot = 7, /* stack and program */
                .regs = { .cs = USER_CS, .ds = USER_DS, .es = USER_DS, .ss = USER_DS,
                          .eip = PROGRAM, .esp = PROGRAM, .eflags = EFLAGS_IF | 2 } };
            memset((void *)pa, 0, 2 * PAGE);
            memcpy((void *)(pa + PAGE), program, (uint32_t)(program_end - program));
            lkus_map(&pages[n][procs[n].start / PAGE % 1024], pa, 2, procs[n].prot);
            lkus_open_console(procs[n].pid);
        }
    run();
}
