/* FPU, lazy: the registers stay in the FPU until another process asks for them, by #NM. */
#include "kernel.h"

static struct proc *owner; /* whose registers are in the FPU */

/* Before p runs. */
void fpu_switch(struct proc *p)
{
    if (p == owner)
        clts();
    else
        write_cr0(read_cr0() | CR0_TS);
}

/* #NM; false when there is no memory for it. */
bool fpu_trap(struct proc *p)
{
    fpu_store();
    if (p->used_fpu)
        fpu_load(p);
    else if (!fpu_start(p))
        return false;
    p->used_fpu = true;
    owner = p;
    return true;
}

/* Every image in memory is up to date afterwards. */
void fpu_store(void)
{
    clts();
    if (owner)
        fpu_save(owner);
    owner = 0;
}

/* p starts again without the FPU. */
void fpu_drop(struct proc *p)
{
    p->used_fpu = false;
    if (owner == p)
        owner = 0;
}
