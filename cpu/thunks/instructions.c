/*
 * Instructions the engine gets wrong, or has on models that do not.
 *
 * These stand in for functions of the engine that translated code calls. There is one copy of them
 * for all engines of the process: what they know of a processor is in `env`, and of P they read
 * only what cpu/instructions.py has set. A function that faults looks for its caller's translated
 * block by its return address, so the engine's own are entered by a jump (gcc's tail call).
 */
#include "thunks.h"

enum {
    CR0_PE = 1 << 0,
    CR0_WP = 1 << 16,
    CR0_NW = 1 << 29,
    CR0_CD = 1 << 30,
    CR0_486 = CR0_NW | CR0_CD | CR0_AM | CR0_WP | CR0_NE,
    FPUS_ES = 1 << 7,             /* an unmasked x87 error is pending */
    HF2_IGNNE = 1 << 7,
    DR7 = 7,
    FEATURE_MSR = 1 << 5,
    FEATURE_CMOV = 1 << 15,
    CR4_PCE = 1 << 8,
    MSR_TSC = 0x10,
};

/* Bits of CR4, each with the feature it comes with. */
static const struct { u32 bit, feature; } CR4[] = {
    {1 << 2, 1 << 4}, {1 << 3, 1 << 2}, {1 << 4, 1 << 3}, {1 << 5, 1 << 6}, /* TSD DE PSE PAE */
    {1 << 6, 1 << 7}, {1 << 7, 1 << 13}, {CR4_PCE, FEATURE_CMOV}, {1 << 9, 1 << 24}, /* MCE PGE PCE OSFXSR */
    {1 << 10, 1 << 25}, /* OSXMMEXCPT */
};

#define CR0_PG (1u << 31)
#define FIELD(type, at) (*(type *)((u8 *)env + P.at))
#define IS_386 ((FIELD(u32, at_version) >> 8 & 15) == 3)
#define FAULT(vector) P.raise_exception_at(env, vector, (u64)__builtin_return_address(0))

/* PUSHF: the engine's pushes RF and VM, which the chip reads as 0; the 386 has neither AC nor ID. */
u64 ENTRY(read_eflags)(void *env)
{
    u64 eflags = P.read_eflags(env) & ~(u64)(EFLAGS_RF | EFLAGS_VM);

    return IS_386 ? eflags & ~(u64)(EFLAGS_AC | EFLAGS_ID) : eflags;
}

/* FWAIT, and x87 instructions with it: with CR0.NE clear this is FERR#, see main_loop(). */
void ENTRY(fwait)(void *env)
{
    if ((FIELD(u16, at_fpus) & FPUS_ES) &&
        ((FIELD(u64, at_cr0) & CR0_NE) || !(FIELD(u32, at_hflags2) & HF2_IGNNE)))
        FAULT(EXCP_MF);
}

/* What clears the error drops FERR#, and the board then drops IGNNE#. */
#define CLEARS_ERROR FIELD(u32, at_hflags2) &= ~HF2_IGNNE

void ENTRY(fclex)(void *env)
{
    CLEARS_ERROR;
    P.fclex(env);
}

void ENTRY(fninit)(void *env)
{
    CLEARS_ERROR;
    P.fninit(env);
}

void ENTRY(fsave)(void *env, u64 address, int data32)
{
    CLEARS_ERROR;
    P.fsave(env, address, data32);
}

void ENTRY(frstor)(void *env, u64 address, int data32)
{
    CLEARS_ERROR;
    P.frstor(env, address, data32);
}

void ENTRY(fldenv)(void *env, u64 address, int data32)
{
    CLEARS_ERROR;
    P.fldenv(env, address, data32);
}

/* MOV to and from CRn: combinations that fault; the 386 has less in CR0, and no CR4. */
u64 ENTRY(read_crn)(void *env, int number)
{
    if (number == 4 && IS_386)
        FAULT(EXCP_UD);
    return P.read_crn(env, number);
}

void ENTRY(write_crn)(void *env, int number, u64 value)
{
    if (number == 4) {
        u64 reserved = value;
        u32 i;

        if (IS_386)
            FAULT(EXCP_UD);
        for (i = 0; i < sizeof CR4 / sizeof *CR4; i++)
            if (FIELD(u32, at_features) & CR4[i].feature)
                reserved &= ~(u64)CR4[i].bit;
        if (reserved)
            FAULT(EXCP_GP);
    }
    if (number == 0) {
        if (IS_386)
            value &= ~(u64)CR0_486;
        if (((value & CR0_PG) && !(value & CR0_PE)) || ((value & CR0_NW) && !(value & CR0_CD)))
            FAULT(EXCP_GP);
    }
    P.write_crn(env, number, value);
}

/* LTR of a null selector faults. */
void ENTRY(ltr)(void *env, int selector)
{
    if (!(selector & 0xfffc))
        FAULT(EXCP_GP);
    P.ltr(env, selector);
}

/* MOV to and from DRn: guarded by DR7.GD; the TLB knows which pages are watched (fast_stores.c). */
#define RUNNING (P.running && P.running->env == env ? P.running : 0)
#define CHECK_GUARD do { if (FIELD(u64, at_dr7) & DR7_GD) FAULT(EXCP_DEBUG); } while (0)

u64 ENTRY(get_dr)(void *env, int number)
{
    CHECK_GUARD;
    return P.get_dr(env, number);
}

void ENTRY(set_dr)(void *env, int number, u64 value)
{
    CHECK_GUARD;
    if (RUNNING)
        RUNNING->tlb_flush(RUNNING->cs);
    if (number == DR7)
        P.stop(FIELD(void *, at_uc));
    P.set_dr(env, number, value);
}

void ENTRY(invlpg)(void *env, u64 address)
{
    if (IS_386)
        FAULT(EXCP_UD);
    P.invlpg(env, address);
}

/* RDMSR, WRMSR: the engine has registers of later processors: SYSENTER's, MTRRs, EFER, SVM's. */
static int no_msr(void *env)
{
    u32 number = FIELD(u32, at_ecx);

    if (!(FIELD(u32, at_features) & FEATURE_MSR))
        return EXCP_UD;
    if ((number >= 0x174 && number <= 0x176) || (number >= 0x200 && number <= 0x2ff) ||
        number >= 0xc0000000)
        return EXCP_GP;
    return 0;
}

void ENTRY(rdmsr)(void *env)
{
    int vector = no_msr(env);

    if (vector)
        FAULT(vector);
    if (FIELD(u32, at_ecx) == MSR_TSC && RUNNING && RUNNING->rdtsc)
        RUNNING->rdtsc();
    else
        P.rdmsr(env);
}

void ENTRY(wrmsr)(void *env)
{
    int vector = no_msr(env);

    if (vector)
        FAULT(vector);
    P.wrmsr(env);
}
