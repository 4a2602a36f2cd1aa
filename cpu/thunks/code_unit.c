/*
 * Calls into a card's code, on an engine of its own: see cpu/code_unit.py.
 *
 * The code runs in ring 3 behind page tables it cannot see. It asks for something of the host's by
 * calling a stub, `in eax,0; ret`, one of a row at P.stubs: it is known by its EIP, and whoever uses
 * a port elsewhere faults. Its arguments are taken off the stack, which must be the engine's own.
 * Nothing of the card's runs behind a host call that ends the run but the stub's RET.
 */
#include "thunks.h"

#define IN_CALL ((s64)(1ul << 63))

enum { STUB = 8, STUB_SHIFT = 3, ARGUMENTS = 8, MOST_OF_A_BLOCK = 512, EAX = 0, EDX = 2, ESP = 4, REGISTERS = 8, SEGMENTS = 6 * 24,
       MXCSR = 0x1F80, SLACK = 64, CC_OP_EFLAGS = 1 };

u32 ENTRY(host_call)(void *uc, u32 port, int width, void *user)
{
    u64 *regs = P.env, at = (u32)((u32)*P.eip - (u32)P.stubs), result;
    u64 below = (u32)regs[ESP] - P.stack_low;
    const u32 *words;

    if (at % STUB || at >> STUB_SHIFT >= P.stub_count)
        P.raise_exception(P.env, EXCP_GP); /* leaves by siglongjmp */
    if (below > P.stack_size - 4 * (ARGUMENTS + 1)) {
        P.lost_stack = 1;
        P.raise_exception(P.env, EXCP_SS);
    }
    words = (const u32 *)(P.stack + below) + 1;
    result = P.host_calls[at >> STUB_SHIFT](words[0], words[1], words[2], words[3], words[4],
                                            words[5], words[6], words[7]);
    regs[EDX] = result >> 32;
    return (u32)result;
}

void ENTRY(no_out)(void *uc, u32 port, int width, u32 value, void *user)
{
    P.raise_exception(P.env, EXCP_GP);
}

/* Everything a card's code can have changed of the registers, as after reset; in VM86 mode, which the
   engine enters by an IRET of any ring, also the segments. */
static void clear_registers(void)
{
    u64 *regs = P.env;

    for (int i = 0; i < REGISTERS; i++) {
        regs[i] = 0;
        ((wide *)P.fpregs)[i] = ((wide *)P.xmm)[4 * i] = (wide){0, 0};
    }
    for (u64 at = 0; at < SEGMENTS; at += sizeof(wide))
        *(wide *)(P.segments + at) = *(const wide *)(P.flat + at);
    *P.eflags = 2;
    *P.df = 1;
    P.eflags[1] = P.eflags[2] = P.eflags[3] = 0; /* cc_dst, cc_src, cc_src2: */
    P.df[-1] = CC_OP_EFLAGS;      /* what the arithmetic flags are made of */
    *P.hflags = P.hflags_at_start;
    *P.old_exception = -1;        /* or this call's first would be a double fault */
    P.process->fninit(P.env);
    P.load_mxcsr(P.env, MXCSR);
}

/*
 * A cdecl call of `entry` with `count` words, on an empty stack, to an exception: the engine ends a run
 * at one when nobody has hooked it. At most `budget` instructions, the last of them in blocks
 * translated to be no longer than what is left. Returns how many there were when the exception was that
 * of the HLT every function returns to, or the last was the one that led there (nobody but the engine
 * writes the stubs), P.result being EDX:EAX; otherwise their complement, P.error
 * being the engine's, or 0 when it was stopped. In a call of the same code it does nothing.
 */
s64 ENTRY(call_code)(u32 entry, u32 budget, u32 count, u32 w0, u32 w1, u32 w2, u32 w3, u32 w4, u32 w5,
                     u32 w6, u32 w7)
{
    enum { UC_ERR_EXCEPTION = 21 };
    const u32 words[ARGUMENTS] = {w0, w1, w2, w3, w4, w5, w6, w7};
    struct params *around = P.process->running;
    u64 *regs = P.env, first = P.count, last = first + budget, left, below;
    u32 *frame;
    int error = 0;

    if (P.in_call)
        return IN_CALL;
    P.in_call = 1;
    /* System V ABI for i386, 2.2.2: ESP + 4 is a multiple of 16 at a function's entry */
    below = ((P.stack_size - SLACK - 4 * count) & -16ul) - 4;
    frame = (u32 *)(P.stack + below);
    *frame = (u32)P.stubs - STUB;
    for (u32 i = 0; i < count; i++)
        frame[1 + i] = words[i];
    clear_registers();
    regs[ESP] = P.stack_low + below;
    *P.eip = entry;
    P.last = 0;
    P.ended = P.late = P.lost_stack = P.cpu_began = 0;
    P.deadline = now(CLOCK_MONOTONIC) + P.patience;
    P.process->running = &P;      /* the board's engine may be in the middle of a slice */
    while (!error && !P.ended && !P.late && !P.gave_up && P.count < last) {
        left = last - P.count;
        if (left > MOST_OF_A_BLOCK) {
            P.limit = last - MOST_OF_A_BLOCK;
        } else {
            P.limit = P.count + 1;
            P.exact = left;
            *P.cflags_next_tb = (u32)left;
        }
        P.fence = 0;
        error = P.start(P.uc, *P.eip, -1ul, 0, 0);
    }
    P.process->running = around;
    P.in_call = 0;
    *P.cflags_next_tb = -1u;
    P.exact = 0;
    P.error = error;
    if ((u32)*P.eip + STUB != P.stubs || P.ended || P.late || P.gave_up ||
        (error && error != UC_ERR_EXCEPTION))
        return ~(s64)(P.count - first);
    P.result = regs[EDX] << 32 | (u32)regs[EAX];
    return (s64)(P.count - first);
}
