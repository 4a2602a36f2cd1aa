/* The frame a signal handler returns through, as Linux i386 lays it out: sigframe, or rt_sigframe
   for a handler with SA_SIGINFO. The FPU's registers stand above it. */
#include "kernel.h"
#include "calls.h"

static void get_context(struct proc *p, struct abi_sigcontext *sc, uint32_t fpstate,
                        uint64_t mask, uint32_t address)
{
    const struct trapframe *f = &p->frame;

    *sc = (struct abi_sigcontext){
        .gs = f->gs & 0xFFFF, .fs = f->fs & 0xFFFF, .es = f->es & 0xFFFF, .ds = f->ds & 0xFFFF,
        .edi = f->edi, .esi = f->esi, .ebp = f->ebp, .esp = f->esp, .ebx = f->ebx, .edx = f->edx,
        .ecx = f->ecx, .eax = f->eax, .trapno = f->vector, .err = f->error, .eip = f->eip,
        .cs = f->cs & 0xFFFF, .eflags = f->eflags, .esp_at_signal = f->esp, .ss = f->ss & 0xFFFF,
        .fpstate = fpstate, .oldmask = (uint32_t)mask, .cr2 = address,
    };
}

/* Whether it tells an address: an instruction of the program's own has done it. */
static bool is_fault(const struct siginfo *info)
{
    uint32_t faults = 1u << SIGILL | 1u << SIGTRAP | 1u << SIGBUS | 1u << SIGFPE | 1u << SIGSEGV;

    return info->signo < 32 && (faults >> info->signo & 1) && info->code > SI_USER
           && info->code < SI_KERNEL;
}

struct abi_siginfo siginfo_of(const struct siginfo *info)
{
    struct abi_siginfo user = { .signo = (int32_t)info->signo, .code = info->code };

    if (is_fault(info)) {
        user.fields[0] = (int32_t)info->value;
    } else {
        user.fields[0] = (int32_t)info->pid;
        user.fields[1] = (int32_t)info->uid;
        user.fields[2] = (int32_t)info->value;
    }
    return user;
}

/* What the FPU has goes to the user's stack, below sp; where it is there, 0 for nowhere. */
static uint32_t put_fpu(struct proc *p, uint32_t sp)
{
    struct abi_fpstate head = { .magic = p->task.xmm ? FPSTATE_FXSAVE : FPSTATE_X87 };
    uint32_t at = (sp - sizeof head - (p->task.xmm ? FX_SIZE : 0)) & ~63u;

    fpu_store();
    memcpy(head.image, p->fpu, sizeof head.image);
    head.status = (uint16_t)(head.image[4] | head.image[5] << 8);
    if (copy_out(at, &head, sizeof head)
        || (p->task.xmm && copy_out(at + sizeof head, p->task.xmm->image, FX_SIZE)))
        return 0;
    fpu_drop(p);
    return at;
}

/* false when its memory is not there, or says what cannot be. */
static bool take_fpu(struct proc *p, uint32_t at)
{
    struct abi_fpstate head;
    struct xmm user;

    if (copy_in(&head, at, sizeof head) || !xmm_new(p))
        return false;
    if (p->task.xmm && head.magic == FPSTATE_FXSAVE
        && (copy_in(user.image, at + sizeof head, FX_SIZE) || !xmm_set(p, user.image)))
        return false;
    memcpy(p->fpu, head.image, sizeof p->fpu);
    p->used_fpu = 1;
    return true;
}

/* false when its memory is not there. */
static bool set_context(struct proc *p, const struct abi_sigcontext *sc)
{
    struct trapframe *f = &p->frame;

    fpu_drop(p);
    if (sc->fpstate) {
        if (!take_fpu(p, sc->fpstate))
            return false;
    }
    f->gs = sc->gs, f->fs = sc->fs, f->es = sc->es, f->ds = sc->ds;
    check_selectors(p);
    f->edi = sc->edi, f->esi = sc->esi, f->ebp = sc->ebp, f->esp = sc->esp;
    f->ebx = sc->ebx, f->edx = sc->edx, f->ecx = sc->ecx, f->eax = sc->eax;
    f->eip = sc->eip, f->cs = USER_CS, f->ss = USER_DS;
    f->eflags = (sc->eflags & EFLAGS_USER) | EFLAGS_IF | 2;
    return true;
}

/* Reserves len bytes below *sp, so that a function called there finds its stack aligned. */
static uint32_t below(uint32_t sp, uint32_t len)
{
    return ((sp - len + 4) & ~15u) - 4;
}

/* Makes p enter its handler; mask is what it goes back to. false when the stack has no room. */
bool sigframe_push(struct proc *p, const struct siginfo *info, const struct sigact *act,
                   uint64_t mask)
{
    struct trapframe *f = &p->frame;
    bool rt = act->flags & SA_SIGINFO;
    struct abi_stack stack = altstack_of(p);
    uint32_t address = is_fault(info) ? info->value : 0;
    uint32_t sp = (act->flags & SA_ONSTACK) && !stack.flags ? stack.sp + stack.size : f->esp;
    uint32_t fpstate = 0, at, code;

    if (p->used_fpu) {
        fpstate = put_fpu(p, sp);
        if (!fpstate)
            return false;
        sp = fpstate;
    }
    if (rt) {
        struct abi_rt_sigframe frame = {
            .sig = info->signo, .info = siginfo_of(info), .uc.stack = stack,
            .uc.mask = { (uint32_t)mask, (uint32_t)(mask >> 32) },
            /* movl $nr, %eax; int $0x80 */
            .retcode = { 0xB8, NR_rt_sigreturn, 0, 0, 0, 0xCD, 0x80 },
        };
        at = below(sp, sizeof frame);
        code = at + offsetof(struct abi_rt_sigframe, retcode);
        frame.pretcode = act->flags & SA_RESTORER ? act->restorer : code;
        frame.pinfo = at + offsetof(struct abi_rt_sigframe, info);
        frame.puc = at + offsetof(struct abi_rt_sigframe, uc);
        get_context(p, &frame.uc.sc, fpstate, mask, address);
        if (copy_out(at, &frame, sizeof frame))
            return false;
        f->edx = frame.pinfo, f->ecx = frame.puc;
    } else {
        struct abi_sigframe frame = {
            .sig = info->signo, .extramask = (uint32_t)(mask >> 32),
            /* popl %eax; movl $nr, %eax; int $0x80 */
            .retcode = { 0x58, 0xB8, NR_sigreturn, 0, 0, 0, 0xCD, 0x80 },
        };
        at = below(sp, sizeof frame);
        code = at + offsetof(struct abi_sigframe, retcode);
        frame.pretcode = act->flags & SA_RESTORER ? act->restorer : code;
        get_context(p, &frame.sc, fpstate, mask, address);
        if (copy_out(at, &frame, sizeof frame))
            return false;
        f->edx = f->ecx = 0;
    }
    f->esp = at;
    f->eip = act->handler;
    f->eax = info->signo;
    f->eflags &= ~(EFLAGS_DF | EFLAGS_TF);
    f->ds = f->es = f->ss = USER_DS, f->cs = USER_CS;
    return true;
}

static void back(struct proc *p, const struct abi_sigcontext *sc, uint64_t mask)
{
    p->sig_mask = mask & ~(1ull << (SIGKILL - 1) | 1ull << (SIGSTOP - 1));
    if (!set_context(p, sc))
        process_exit(p, SIGSEGV);
}

/* The handler's RET has taken pretcode off the stack, the restorer the signal number. */
int sys_sigreturn(struct proc *p, const uint32_t a[6])
{
    struct abi_sigframe frame;

    (void)a;
    if (copy_in(&frame, p->frame.esp - 8, sizeof frame)) {
        process_exit(p, SIGSEGV);
        return 0;
    }
    back(p, &frame.sc, frame.sc.oldmask | (uint64_t)frame.extramask << 32);
    return 0;
}

int sys_rt_sigreturn(struct proc *p, const uint32_t a[6])
{
    struct abi_rt_sigframe frame;

    (void)a;
    if (copy_in(&frame, p->frame.esp - 4, sizeof frame)) {
        process_exit(p, SIGSEGV);
        return 0;
    }
    altstack_set(p, &frame.uc.stack); /* what is wrong with it is nobody's to hear of */
    back(p, &frame.uc.sc, frame.uc.mask[0] | (uint64_t)frame.uc.mask[1] << 32);
    return 0;
}
