/* System calls that tell about the machine. */
#include "calls.h"

int sys_uname(struct proc *p, const uint32_t a[6])
{
    struct abi_utsname name;

    (void)p;
    memset(&name, 0, sizeof name);
    copy_name(name.sysname, sizeof name.sysname, "refkernel");
    copy_name(name.nodename, sizeof name.nodename, "hotswap");
    copy_name(name.release, sizeof name.release, VERSION);
    copy_name(name.version, sizeof name.version, "#1");
    copy_name(name.machine, sizeof name.machine, "i486");
    copy_name(name.domainname, sizeof name.domainname, "(none)");
    return copy_out(a[0], &name, sizeof name);
}

int sys_sysinfo(struct proc *p, const uint32_t a[6])
{
    struct abi_sysinfo info = {
        .uptime = (int32_t)(uptime() / NS_PER_S),
        .totalram = frames_total * PAGE,
        .freeram = frames_free() * PAGE,
        .procs = (uint16_t)proc_count(),
        .mem_unit = 1,
    };

    (void)p;
    return copy_out(a[0], &info, sizeof info);
}
