/* Touches PAGES pages, then computes: busy [PAGES] [ROUNDS]; no ROUNDS: for ever. */
#include "lib.h"

const char name[] = "busy";

void run(void)
{
    u32 p, i, round, pages = argument(1, 16), rounds = argument(2, 0), state = 1, touched = 0;
    u32 *memory = map_pages(pages * PAGE, PROT_READ | PROT_WRITE);

    check((u32)memory < 0xFFFFF000, "mmap of %u pages gives %d", pages, (s32)memory);
    for (p = 0; p < pages; p++)
        memory[p * (PAGE / 4)] = p + 1;
    for (round = 0; !rounds || round < rounds; round++) {
        for (i = 0; i < 100000; i++)
            xorshift(&state);
        check(state != 0, "xorshift ends in 0");
        memory[0] = state;
    }
    for (p = 1; p < pages; p++)
        touched += memory[p * (PAGE / 4)] == p + 1;
    check(touched == pages - 1, "%u of %u pages keep their number", touched + 1, pages);
}
