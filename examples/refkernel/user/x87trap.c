/* An unmasked x87 exception waits for the next waiting x87 instruction, however long that takes:
   x87trap [MS] [ROUNDS]. */
#include "lib.h"

const char name[] = "x87trap";

static volatile u32 caught, early = 1;
static volatile s32 code;

/* The handler's FPU is a fresh one; the interrupted one's exception is cleared in its image, by
   masking it there, so that the instruction does not raise it again. */
static void divided(int signal, struct siginfo *info, u32 *context)
{
    u8 *image = (u8 *)context[5 + 19];

    (void)signal;
    caught += 1 + early * 100;
    code = info->code;
    image[0] |= 0x3F;  /* control word: all masked */
    image[4] &= 0x40;  /* status word: nothing pending */
    image[5] &= 0x7F;
}

static void round(u32 ms)
{
    u16 control = 0x037B; /* division by zero unmasked */
    u64 until;

    caught = 0, early = 1;
    __asm__ volatile("fninit; fldcw %0; fld1; fldz; fdivrp" : : "m"(control));
    until = monotonic() + (u64)ms * MS;
    while (monotonic() < until)
        ;
    check(caught == 0, "the exception came too early");
    early = 0;
    __asm__ volatile("fwait");
    check(caught == 1 && code == FPE_FLTDIV, "%u exceptions, code %d", caught, code);
    __asm__ volatile("fninit");
}

void run(void)
{
    u32 ms = argument(1, 40), rounds = argument(2, 2);

    on_signal_with(SIGFPE, (void *)divided, SA_SIGINFO);
    while (rounds--)
        round(ms);
    caught = 0, early = 1, code = 0;
}
