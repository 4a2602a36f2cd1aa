/* Single steps: with TF set each instruction raises SIGTRAP, no more and no less often than it is
   executed: stepper [ROUNDS]. */
#include "lib.h"

const char name[] = "stepper";

enum { LOOPS = 200, TF = 0x100 };

static volatile u32 traps, elsewhere;
extern const u8 first_stepped[], last_stepped[];

/* The interrupted EIP is in the ucontext: flags, link, stack (3 words), then sigcontext. */
static void step(int signal, struct siginfo *info, u32 *context)
{
    u32 eip = context[5 + 14];

    (void)signal;
    traps++;
    elsewhere += info->code != TRAP_TRACE || eip < (u32)first_stepped || eip > (u32)last_stepped;
}

/* Instructions with TF: 2 for each of n loops, 2 around them. */
static u32 stepped(u32 n)
{
    u32 sum;
    __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl\n"
                     ".globl first_stepped\nfirst_stepped: xorl %0, %0\n"
                     "1: incl %0\n"
                     "decl %1\n"
                     "jnz 1b\n"
                     "pushfl; andl $~0x100, (%%esp); popfl\n"
                     ".globl last_stepped\nlast_stepped: nop"
                     : "=&r"(sum), "+r"(n) : : "memory", "cc");
    return sum;
}

void run(void)
{
    u32 round, rounds = argument(1, 50), sum;

    on_signal_with(SIGTRAP, (void *)step, SA_SIGINFO);
    for (round = 0; round < rounds; round++) {
        traps = 0;
        sum = stepped(LOOPS);
        check(sum == LOOPS, "the loop ran %u times", sum);
        /* one before the loop, three for each turn, three behind it */
        check(traps == 1 + 3 * LOOPS + 3, "%u traps for %u instructions", traps, 1 + 3 * LOOPS + 3);
        check(elsewhere == 0, "%u traps elsewhere", elsewhere);
    }
    traps = 0;
}
