/* Writes to every one of PAGES pages, over and over: dirty [PAGES] [ROUNDS]; no ROUNDS: for
   ever. */
#include "lib.h"

const char name[] = "dirty";

void run(void)
{
    u32 p, wrong, round, pages = argument(1, 64), rounds = argument(2, 0);
    u32 *memory = map_pages(pages * PAGE, PROT_READ | PROT_WRITE);

    check((u32)memory < 0xFFFFF000, "mmap of %u pages gives %d", pages, (s32)memory);
    for (round = 0; !rounds || round < rounds; round++) {
        for (wrong = 0, p = 0; p < pages; p++)
            wrong += memory[p * (PAGE / 4)]++ != round;
        check(wrong == 0, "%u pages have lost a write in round %u", wrong, round);
    }
}
