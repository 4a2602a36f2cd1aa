/* A process that does what it may not is ended, and nobody else is hurt: faults [ROUNDS]. */
#include "lib.h"

const char name[] = "faults";

enum { SIGILL = 4 };

static void read_nothing(void)
{
    __asm__ volatile("movl 0, %%eax" : : : "eax");
}

static void write_code(void)
{
    __asm__ volatile("movb $0x90, _start");
}

static void read_kernel(void)
{
    __asm__ volatile("movl 0x100000, %%eax" : : : "eax");
}

static void write_top(void)
{
    __asm__ volatile("movl $0, 0xfffff000");
}

static void run_nothing(void)
{
    __asm__ volatile("jmp 0");
}

static void mask_interrupts(void)
{
    __asm__ volatile("cli");
}

static void halt(void)
{
    __asm__ volatile("hlt");
}

static void read_port(void)
{
    __asm__ volatile("inb $0x21, %%al" : : : "eax");
}

static void load_page_directory(void)
{
    __asm__ volatile("movl %%eax, %%cr3" : : "a"(0));
}

static void load_wrong_segment(void)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"(0xFFF0));
}

static void divide_by_zero(void)
{
    __asm__ volatile("divl %%ecx" : : "a"(1), "d"(0), "c"(0));
}

static void undefined(void)
{
    __asm__ volatile("ud2");
}

static void breakpoint(void)
{
    __asm__ volatile("int3");
}

static void kernel_interrupt(void)
{
    __asm__ volatile("int $0x20");
}

/* Flags a process may not change do not change: popf is no fault. */
static void popf(void)
{
    u32 flags;
    __asm__ volatile("pushfl; pushl $0x3002; popfl; pushfl; popl %0; popfl" : "=r"(flags));
    exit((flags & 0x3200) == 0x0200 ? 17 : 18);
}

static const struct wrong {
    void (*act)(void);
    const char *what;
    int status; /* as wait4 gives it */
} wrongs[] = {
    {read_nothing, "read of address 0", SIGSEGV},
    {write_code, "write to code", SIGSEGV},
    {read_kernel, "read of the kernel", SIGSEGV},
    {write_top, "write to the last page", SIGSEGV},
    {run_nothing, "jump to address 0", SIGSEGV},
    {mask_interrupts, "cli", SIGSEGV},
    {halt, "hlt", SIGSEGV},
    {read_port, "in", SIGSEGV},
    {load_page_directory, "mov to cr3", SIGSEGV},
    {load_wrong_segment, "wrong selector", SIGSEGV},
    {divide_by_zero, "division by 0", SIGFPE},
    {undefined, "ud2", SIGILL},
    {breakpoint, "int3", SIGTRAP},
    {kernel_interrupt, "int of an IRQ", SIGSEGV},
    {popf, "popf", 17 << 8},
};

/* A system call with an address that is not the caller's gets EFAULT. */
static void wrong_pointers(void)
{
    int end[2];
    check(pipe(end) == 0, "pipe");
    check(write(end[1], 0, 8) == -EFAULT, "write from address 0");
    check(write(end[1], (void *)0xC0100000, 8) == -EFAULT, "write from the kernel");
    check(write(end[1], (void *)0xFFFFFFF0, 64) == -EFAULT, "write from round the end");
    check(write(end[1], "12345678", 8) == 8, "write");
    check(read(end[0], (void *)0xC0100000, 8) == -EFAULT, "read into the kernel");
    check(open((const char *)1, O_RDONLY) == -EFAULT, "open of a wrong name");
    check(pipe((int *)0xFFFFFFFC) == -EFAULT, "pipe into nothing");
    check(syscall(9999) == -ENOSYS, "a system call that does not exist");
    close(end[0]), close(end[1]);
}

void run(void)
{
    u32 round, i, rounds = argument(1, 3);
    int pid, status;

    for (round = 0; round < rounds; round++) {
        for (i = 0; i < COUNT(wrongs); i++) {
            if ((pid = spawn()) == 0) {
                wrongs[i].act();
                exit(99);
            }
            check(wait4(pid, &status, 0) == pid, "wait4");
            status &= ~0x80; /* a core file */
            check(status == wrongs[i].status, "%s ends with status %x", wrongs[i].what, status);
        }
        wrong_pointers();
    }
}
