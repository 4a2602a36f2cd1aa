/*
 * Exact instruction counts, and stops that lose and repeat nothing.
 *
 * block() is a UC_HOOK_BLOCK: the engine calls it at the start of every translated block, before
 * the block's own test for a pending exit. It adds the block's length beforehand; should the block
 * not run to its end (a fault, a store into its own code), uncount() takes the rest off again.
 *
 * A block counts for itself: its two calls, of block() and of the engine's test, are overwritten by
 * a dozen instructions that do the same while nothing is to be done, which is nearly always, and else
 * call slow(). That is done when the block has been translated: stores into code that runs cost the
 * processor its pipeline.
 */
#include "thunks.h"

/* The TranslationBlock whose code `inside` is near the start of; its code follows it in memory. */
static struct block *block_at(u64 inside)
{
    u64 at = inside & -P.align;

    while ((u64)((struct block *)(at - P.header))->code != at)
        at -= P.align;
    return (struct block *)(at - P.header);
}

enum { BETWEEN_LOOKS = 1024 };    /* instructions from one look at the clock to the next */

/* Whether a call into a card's code has had its time: P.patience by the clock, and as much again of
   this thread's own, for the host may have been busy with others. */
static int late(void)
{
    s64 spent;

    if (now(CLOCK_MONOTONIC) < P.deadline)
        return 0;
    spent = now(CLOCK_THREAD_CPUTIME);
    if (!P.cpu_began)
        P.cpu_began = spent;
    spent -= P.cpu_began;
    P.deadline = now(CLOCK_MONOTONIC) + (s64)P.patience - spent;
    P.late = spent >= (s64)P.patience;
    return P.late;
}

/* Count `block` and let it begin; 0 when it must not, for the engine is to look up. */
static int begin(struct block *block)
{
    P.last = 0;
    if (*P.icount_decr < 0)       /* the engine leaves the chain here: this block does not run */
        return 0;
    if (P.count >= P.limit || (P.deadline && late())) {
        P.stop(P.uc);
        return 0;
    }
    P.fence = P.limit;
    if (P.deadline && P.fence > P.count + BETWEEN_LOOKS)
        P.fence = P.count + BETWEEN_LOOKS;
    if (*P.interrupt_request & (CPU_INTERRUPT_HARD | CPU_INTERRUPT_NMI)) {
        P.fence = 0;              /* look at each block until it is taken */
        if (interrupts_now(*P.interrupt_request)) {
            /* `sti; ret` chains on without looking: have the engine look now. */
            ((volatile u16 *)P.icount_decr)[1] = 0xffff;
            return 0;
        }
    } else if (!P.limit) {
        P.fence = 0;              /* the ticker came between */
    }
    P.last = block;
    P.count += block->icount;
    return 1;
}

static u8 *put(u8 *at, u64 bytes, int size)
{
    for (; size; size--, bytes >>= 8)
        *at++ = (u8)bytes;
    return at;
}

/* An instruction that ends with the distance from its end to `target`. */
static u8 *put_relative(u8 *at, u64 opcode, int size, const void *target)
{
    at = put(at, opcode, size);
    return put(at, (u64)target - (u64)at - 4, 4);
}

void ENTRY(slow)(void);

/*
 * What the engine has put at the start of a block, `after` being where block() returns to:
 *
 *     ...; call block; movabs $uc,%rdi; xor %esi,%esi; call check_exit; body
 *
 * and what is there afterwards:
 *
 *     cmpl $0,icount_decr; jl 1f; lea P.count,%rdi; mov (%rdi),%rax; cmp 8(%rdi),%rax; jae 1f
 *     add $icount,%rax; mov %rax,(%rdi); jmp 3f
 *     1: call slow
 *     2: jmp body                   # block(), which is on the stack now, returns here as well
 *     3: lea block,%rax; mov %rax,16(%rdi); nop
 *     body:
 */
void ENTRY(translated)(struct block *block)
{
    enum { CALL = 5, PROLOGUE = 38, MOST = 100, ROOM = 1 << 16 };
    u8 *code = (u8 *)block->code, *after = code + PROLOGUE, *at, *ask, *test, *body;
    s64 distance = (s64)((u64)&P - (u64)code);
    u64 target = 0;

    if ((block->flags & EFLAGS_AC) && (block->flags & HF_CPL) == 3)
        return;                   /* block() has to look at it each time */
    while (after[0] != 0x48 || after[1] != 0xBF || *(u64 *)(after + 2) != (u64)P.uc ||
           after[10] != 0x33 || after[11] != 0xF6)
        if (++after - code > MOST)
            return;               /* another prologue: it works as it is */
    test = after + 12;
    if (test[0] == 0xE8) {        /* call near */
        body = test + 5;
        target = (u64)body + (u64)(s64)*(int *)(test + 1);
    } else {                      /* call *pool, when the library is too far away */
        body = test + 6;
        if (test[0] == 0xFF && test[1] == 0x15)
            target = *(u64 *)(body + *(int *)(test + 2));
    }
    if (after[-CALL] != 0xE8 || target != (u64)P.check_exit ||
        distance - ROOM != (int)(distance - ROOM) || distance + ROOM != (int)(distance + ROOM))
        return;                   /* or too far away */
    ask = after - CALL;
    at = put(code, 0x007D83 | (P.icount_offset & 0xFF) << 16, 4); /* cmpl $0,disp(%rbp) */
    at = put(at, 0x7C | (u64)(u8)(ask - at - 2) << 8, 2);
    at = put_relative(at, 0x3D8D48, 3, &P.count);
    at = put(at, 0x078B48, 3);
    at = put(at, 0x08473B48, 4);
    at = put(at, 0x73 | (u64)(u8)(ask - at - 2) << 8, 2);
    at = put(put(at, 0x0548, 2), block->icount, 4);
    at = put(at, 0x078948, 3);
    at = put(at, 0xEB | (u64)(u8)(after - at) << 8, 2);
    at = put_relative(ask, 0xE8, 1, slow);
    at = put(at, 0xEB | (u64)(u8)(body - at - 2) << 8, 2);
    at = put_relative(at, 0x058D48, 3, block);
    at = put(at, 0x10478948, 4);
    while (at < body)
        *at++ = 0x90;             /* nop */
    P.rewritten++;
}

void ENTRY(block)(void *uc, u64 pc, u32 size, void *user)
{
    struct block *block = block_at((u64)__builtin_return_address(0));

    if ((block->flags & EFLAGS_AC) && (block->flags & HF_CPL) == 3 && (*P.cr0 & CR0_AM)) {
        if (!P.aligned)           /* see fast_stores.c */
            P.tlb_flush(P.cs);
        P.aligned = 1;
    }
    begin(block);
}

/* Called by a block that does not begin by itself. It returns into the block, or leaves by the
   engine's test, which must find the block's own address on the stack: hence the jump to it. */
void ENTRY(slow)(void)
{
    struct block *block = block_at((u64)__builtin_return_address(0));

    *P.eip = (u32)(block->pc - block->cs_base);
    begin(block);
    P.check_exit(P.uc, 0);
}

static s64 sleb128(const u8 **from)
{
    const u8 *p = *from;
    u64 value = 0;
    int shift = 0;
    u8 byte;

    do {
        byte = *p++;
        value |= (u64)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && (byte & 0x40))
        value |= -1ul << shift;
    *from = p;
    return (s64)value;
}

/* P.last ended before its end, at EIP: take what did not run off the count. */
static void uncount(void)
{
    const u8 *p = P.last->code + P.last->code_size;
    u64 pc = P.last->pc, stopped = *P.eip + *P.cs_base;
    u32 i;

    for (i = 0; i < P.last->icount; i++) {
        pc += sleb128(&p);        /* where the instruction starts */
        sleb128(&p);              /* cc_op there */
        sleb128(&p);              /* host address */
        if (pc == stopped) {
            P.count -= P.last->icount - i;
            return;
        }
    }
}

/*
 * Stands in for uc_struct.stop_interrupt: the engine asks it, at each entry of its main loop and
 * after every exception, whether this exception ends the run (it would, for #UD). The answer is
 * never; the time is right, EIP being still that of the instruction, to settle the count and to
 * note where an INT n stands.
 */
u8 ENTRY(main_loop)(void *uc, int exception)
{
    u64 linear, i;

    P.int_eip = *P.eip;
    P.translating = 0;
    if (P.exact && exception == EXCP_INTERRUPT)
        *P.cflags_next_tb = P.exact; /* the buffer for translations was full: try again */
    if (P.delivering == SOFTWARE) /* the delivery itself faulted: the INT has not retired */
        P.count--;
    else if (P.delivering == EXTERNAL && exception >= EXCP_TS && exception < EXCP_PF)
        *P.error_code |= 1;       /* EXT: no instruction of the program is to blame */
    else if (P.delivering == NOTHING && exception == EXCP_PF && !*P.exception_is_int &&
             P.tlb && P.access == LOAD && modifies_memory())
        *P.error_code |= PF_W;
    P.delivering = NOTHING;
    if (exception == EXCP_DEBUG) {
        /* A breakpoint. The engine would compare DR0-3 with EIP whatever CS's base is and, finding
         * none, spin for ever: make it the #DB it is here. */
        P.dr[6] &= ~0xful;
        if (P.watched) {          /* of data: the instruction has retired */
            P.dr[6] |= P.watched;
            P.watched = 0;
        } else {
            if (P.last)
                uncount();
            linear = (u32)(*P.eip + *P.cs_base);
            for (i = 0; i < 4; i++)
                if ((P.dr[7] >> 2 * i & 3) && !(P.dr[7] >> (16 + 4 * i) & 3) &&
                    (u32)P.dr[i] == linear)
                    P.dr[6] |= 1 << i;
            if ((P.dr[7] & DR7_GD) && !(P.dr[6] & 0xf))
                P.dr[6] |= DR6_BD;
        }
        P.last = 0;
        *P.exception_index = EXCP_DB;
        *P.exception_is_int = 0;
        *P.error_code = 0;
    }
    if (exception == EXCP_MF && !*P.exception_is_int && !(*P.cr0 & CR0_NE)) {   /* no INT 10h */
        /* FERR#. The chip waits in front of the instruction for an interrupt: end the slice. */
        P.ferr = 1;
        *P.exception_index = EXCP_INTERRUPT;
        P.stop(uc);
    }
    /* Any other #DB is a trap, raised after its instruction; INT n has retired too. */
    if (P.last && exception < EXCP_INTERRUPT && exception != EXCP_DB &&
        !(exception >= 0 && *P.exception_is_int))
        uncount();
    P.last = 0;
    return 0;
}
