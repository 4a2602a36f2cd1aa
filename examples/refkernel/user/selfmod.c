/* Code that a program writes, runs, and writes again: selfmod [ROUNDS]. */
#include "lib.h"

const char name[] = "selfmod";

void run(void)
{
    static const u8 mov_eax_ret[] = {0xB8, 0, 0, 0, 0, 0xC3}; /* mov $0, %eax; ret */
    u32 round, i, wrong, rounds = argument(1, 10), state = 1, value;
    u8 *code = map_pages(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    u32 (*call)(void) = (u32 (*)(void))code;

    check((u32)code < 0xFFFFF000, "mmap of code gives %d", (s32)code);
    memcpy(code, mov_eax_ret, sizeof mov_eax_ret);
    for (round = 0; round < rounds; round++) {
        for (wrong = 0, i = 0; i < 1000; i++) {
            value = xorshift(&state);
            memcpy(code + 1, &value, 4);
            __asm__ volatile("" : : : "memory");
            wrong += call() != value;
        }
        check(wrong == 0, "old code ran %u times", wrong);
    }
}
