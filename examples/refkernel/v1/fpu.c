/* FPU, eager: loaded whenever a process that has used it runs, stored when it stops. */
#include "kernel.h"

static struct proc *owner; /* whose registers are in the FPU */

/* Before p runs. One that never used the FPU meets #NM at its first instruction. */
void fpu_switch(struct proc *p)
{
    if (p == owner)
        return;
    fpu_store();
    if (!p->used_fpu)
        return;
    clts();
    fpu_load(p);
    owner = p;
}

/* #NM: the first x87 or SSE instruction of p; false when there is no memory for it. */
bool fpu_trap(struct proc *p)
{
    clts();
    if (!fpu_start(p))
        return false;
    p->used_fpu = 1;
    owner = p;
    return true;
}

/* Every image in memory is up to date afterwards. */
void fpu_store(void)
{
    if (owner)
        fpu_save(owner);
    owner = 0;
    write_cr0(read_cr0() | CR0_TS);
}

/* p starts again without the FPU. */
void fpu_drop(struct proc *p)
{
    p->used_fpu = 0;
    if (owner == p)
        fpu_store();
}
