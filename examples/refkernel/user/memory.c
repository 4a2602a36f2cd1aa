/* Pages from brk and mmap keep what is written to them: memory [ROUNDS] [PAGES], each round with
   another pattern. */
#include "lib.h"

const char name[] = "memory";

static void fill(u32 *page, u32 pages, u32 seed)
{
    u32 i, state = seed;
    for (i = 0; i < pages * (PAGE / 4); i++)
        page[i] = xorshift(&state);
}

static void verify(const u32 *page, u32 pages, u32 seed, const char *where)
{
    u32 p, i, wrong, state = seed;
    for (p = 0; p < pages; p++, page += PAGE / 4) {
        for (wrong = 0, i = 0; i < PAGE / 4; i++)
            wrong += page[i] != xorshift(&state);
        check(wrong == 0, "%u words differ in page %u of %s", wrong, p, where);
    }
}

static void zero(const u32 *page, u32 pages, const char *where)
{
    u32 i, set = 0;
    for (i = 0; i < pages * (PAGE / 4); i++)
        set |= page[i];
    check(set == 0, "new pages of %s are not zero", where);
}

/* A child's writes stay its own. */
static void separate(u32 *page, u32 pages, u32 seed)
{
    int pid = spawn();
    if (pid == 0) {
        verify(page, pages, seed, "the child's heap");
        fill(page, pages, seed + 1);
        verify(page, pages, seed + 1, "the child's heap");
        exit(7);
    }
    reap(pid, 7);
    verify(page, pages, seed, "the heap after a child's writes");
}

void run(void)
{
    u32 round, rounds = argument(1, 10), pages = argument(2, 48), seed;
    u32 start = (brk(0) + PAGE - 1) & ~(PAGE - 1);
    u32 *heap = (u32 *)start, *mapped, *last;

    for (round = 0; round < rounds; round++) {
        seed = 2 * round + 1;
        check(brk(start + pages * PAGE) == start + pages * PAGE, "brk up by %u pages", pages);
        zero(heap, pages, "brk");
        mapped = map_pages(pages * PAGE, PROT_READ | PROT_WRITE);
        check((u32)mapped < 0xFFFFF000, "mmap of %u pages gives %d", pages, (s32)mapped);
        zero(mapped, pages, "mmap");

        fill(heap, pages, seed);
        fill(mapped, pages, ~seed);
        verify(heap, pages, seed, "the heap");
        separate(heap, pages / 4, seed);

        last = mapped + (pages - 1) * (PAGE / 4);
        check(munmap(last, PAGE) == 0, "munmap of the last page");
        check(write(-1, last, 1) == -EBADF, "write to no file");
        verify(mapped, pages - 1, ~seed, "mmap");
        verify(heap, pages, seed, "the heap");

        check(munmap(mapped, (pages - 1) * PAGE) == 0, "munmap");
        check(brk(start) == start, "brk down");
    }
    /* what a `hold` leaves to look at */
    check(brk(start + pages * PAGE) == start + pages * PAGE, "brk up by %u pages", pages);
    fill(heap, pages, 0x600D);
    verify(heap, pages, 0x600D, "the heap");
}
