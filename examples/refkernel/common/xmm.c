/* XMM registers and MXCSR of processes, where the processor has SSE. The x87 part of FXSAVE's image is
   not used: proc.fpu, as FNSAVE stores it, has it on every processor, and in every map.
   Intel SDM volume 1, 10.5 "FXSAVE and FXRSTOR"; volume 3A, 13.1 for what a kernel has to do. */
#include "kernel.h"

bool xmm_present;
static uint32_t mxcsr_bits; /* that there are */
static struct pool images = { .size = sizeof(struct xmm) };

static bool has_cpuid(void)
{
    uint32_t changed;

    __asm__ volatile("pushfl\n\tpushfl\n\tpopl %0\n\t"
                     "xorl %1, %0\n\tpushl %0\n\tpopfl\n\t"
                     "pushfl\n\tpopl %0\n\txorl (%%esp), %0\n\tpopfl"
                     : "=&r"(changed) : "i"(EFLAGS_ID) : "cc");
    return changed & EFLAGS_ID;
}

static uint32_t features(void)
{
    uint32_t eax = 1, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=d"(edx) : : "ebx", "ecx");
    return edx;
}

/* A kernel of maps of 1.0, which have no words for these registers, leaves SSE off. */
void xmm_init(void)
{
    struct xmm here;

    if (KERNEL_MINOR == 0 || !has_cpuid()
        || (features() & (CPUID_FXSR | CPUID_SSE)) != (CPUID_FXSR | CPUID_SSE))
        return;
    xmm_present = true;
    __asm__ volatile("movl %0, %%cr4" : : "r"(CR4_OSFXSR | CR4_OSXMMEXCPT));
    clts();
    fxsave(here.image);
    memcpy(&mxcsr_bits, here.image + FX_MXCSR_MASK, sizeof mxcsr_bits);
    if (!mxcsr_bits)
        mxcsr_bits = 0xFFBF;
}

/* The next kernel may not know of SSE, and must not find it on. */
void xmm_leave(void)
{
    if (xmm_present)
        __asm__ volatile("movl %0, %%cr4" : : "r"(0));
}

static void begin(struct xmm *xmm)
{
    const uint32_t mxcsr = 0x1F80; /* all masked, as after RESET */

    memset(xmm, 0, sizeof *xmm);
    xmm->image[0] = 0x7F, xmm->image[1] = 0x03;
    memcpy(xmm->image + FX_MXCSR, &mxcsr, sizeof mxcsr);
}

/* Room for p's, with what they are at the beginning; false when there is no memory. */
bool xmm_new(struct proc *p)
{
    struct task *task = &p->task;

    if (!xmm_present)
        return true;
    if (!task->xmm && !(task->xmm = pool_take(&images)))
        return false;
    begin(task->xmm);
    return true;
}

bool xmm_copy(struct proc *child, const struct proc *p)
{
    if (!p->task.xmm)
        return true;
    if (!xmm_new(child))
        return false;
    *child->task.xmm = *p->task.xmm;
    return true;
}

/* Bits of MXCSR that are not there would make FXRSTOR fault: false; so is no room. */
bool xmm_set(struct proc *p, const uint8_t image[FX_SIZE])
{
    uint32_t mxcsr;

    memcpy(&mxcsr, image + FX_MXCSR, sizeof mxcsr);
    if ((mxcsr & ~mxcsr_bits) || !p->task.xmm)
        return false;
    memcpy(p->task.xmm->image, image, FX_SIZE);
    return true;
}

void xmm_delete(struct proc *p)
{
    if (p->task.xmm)
        pool_give(&images, p->task.xmm);
    p->task.xmm = 0;
}

/* Whether they are not what they are at the beginning. */
bool xmm_used(const struct proc *p)
{
    const struct xmm *xmm = p->task.xmm;
    struct xmm fresh;

    if (!xmm || !p->used_fpu)
        return false;
    begin(&fresh);
    return memcmp(xmm->image + FX_MXCSR, fresh.image + FX_MXCSR, 4)
           || memcmp(xmm->image + FX_XMM, fresh.image + FX_XMM, FX_XMM_END - FX_XMM);
}

/* p's first use of the FPU, which is loaded with what registers are at the beginning. */
bool fpu_start(struct proc *p)
{
    if (!xmm_new(p))
        return false;
    if (p->task.xmm)
        fxrstor(p->task.xmm->image);
    __asm__ volatile("fninit");
    return true;
}

void fpu_save(struct proc *p)
{
    if (p->task.xmm)
        fxsave(p->task.xmm->image);
    fnsave(p->fpu);
}

/* FRSTOR raises what FXRSTOR has loaded and is pending, so that is taken away between. */
void fpu_load(const struct proc *p)
{
    if (p->task.xmm) {
        fxrstor(p->task.xmm->image);
        __asm__ volatile("fnclex");
    }
    frstor(p->fpu);
}
