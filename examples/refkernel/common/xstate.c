/* Section XSTATE: XMM registers and MXCSR of processes that have something in them. All others, and
   the x87 of all, are as PROC says. */
#include "kernel.h"
#include "map.h"

void save_xstates(struct ssm_writer *out)
{
    if (!xmm_present)
        return;
    ssm_begin_section(out, SSM_XSTATE);
    for (struct proc *p = proc_first(); p; p = proc_after(p)) {
        struct ssm_xstate *to = xmm_used(p) ? ssm_append(out) : 0;
        if (!to)
            continue;
        to->pid = p->pid;
        to->kind = SSM_XSTATE_FXSAVE;
        memcpy(to->data, p->task.xmm->image, sizeof to->data);
    }
    ssm_end_section(out);
}

/* After PROC: who has used the FPU has XMM registers, too, whatever the kernel before knew of them. */
void restore_xstates(const void *map)
{
    struct ssm_cursor at = ssm_open(map, SSM_XSTATE);
    struct ssm_xstate from;
    struct proc *p;

    for (p = xmm_present ? proc_first() : 0; p; p = proc_after(p))
        must(!p->used_fpu || xmm_new(p), SC_REASON_NO_MEMORY, p->pid);
    while (ssm_next(&at, &from, sizeof from)) {
        must(xmm_present && from.kind == SSM_XSTATE_FXSAVE, SC_REASON_UNSUPPORTED, from.pid);
        p = proc_of(from.pid, p);
        must(xmm_set(p, from.data), SC_REASON_BAD_MAP, from.pid);
    }
}
