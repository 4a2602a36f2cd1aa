/* Where a kernel begins: from a boot loader, or in the place of another kernel (switchover.c). */
#include "kernel.h"
#include "multiboot.h"

static void banner(void)
{
    print("refkernel " VERSION ": %u KiB free, %u Hz, %s\n", frames_free() * (PAGE / 1024), HZ,
          sc_present() ? "switchover card at 180" : "no switchover card");
}

char kernel_cmdline[1024]; /* of a cold boot */

static const char *cmdline_of(const struct multiboot_info *info)
{
    const char *cmdline = info->flags & MULTIBOOT_CMDLINE ? (const char *)info->cmdline : "";

    for (const char *at = cmdline; *at && strncmp(at, "init=", 5); at++)
        if (!strncmp(at, "quiet", 5))
            quiet = true;
    return cmdline;
}

static void cold_boot(uint32_t info) __attribute__((noreturn));
static void cold_boot(uint32_t info)
{
    uart_init(true);
    const char *cmdline = cmdline_of((const void *)info);
    copy_name(kernel_cmdline, sizeof kernel_cmdline, cmdline);
    memory_cold(info);
    paging_init();
    segment_init();
    trap_init();
    xmm_init();
    frame_init();
    frame_claim(PAGE_DOWN(memory.initrd), PAGES((memory.initrd & PAGE_MASK) + memory.initrd_len));
    frame_open();
    switchover_reserve();
    pic_init();
    sc_init(SC_BASE);
    ttys_init(true);
    console_choose(kernel_cmdline);
    ttys_unmask();
    if (sc_present())
        pic_unmask(SC_IRQ);
    clock_cold();
    banner();
    initrd_init();
    process_spawn_init(kernel_cmdline);
    pit_init();
    schedule();
}

void kmain(uint32_t magic, uint32_t info) __attribute__((noreturn));
void kmain(uint32_t magic, uint32_t info)
{
    if (magic == SSM_MAGIC)
        switchover_boot((void *)info);
    if (magic != MULTIBOOT_MAGIC)
        panic("started by neither a Multiboot loader nor a switchover: EAX is %x", magic);
    cold_boot(info);
}
