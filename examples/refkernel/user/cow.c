/* Memory shared by fork: private pages until one side writes, MAP_SHARED ones for ever:
   cow [MS]. Parent and children sleep MS in between. */
#include "lib.h"

const char name[] = "cow";

enum { PAGES = 24, CHILDREN = 3, ROUNDS = 3 };

static u32 still[PAGES * PAGE / 4]; /* never written again by who has forked */

static u32 word_of(u32 seed, u32 page)
{
    return seed * 0x01000193 ^ page;
}

static void fill(u32 *at, u32 seed)
{
    u32 page;
    for (page = 0; page < PAGES; page++)
        at[page * PAGE / 4] = word_of(seed, page);
}

static void holds(const u32 *at, u32 seed, const char *whose)
{
    u32 page;
    for (page = 0; page < PAGES; page++)
        check(at[page * PAGE / 4] == word_of(seed, page), "page %u of %s has changed", page, whose);
}

/* Writes every second page of its own, and one word that all see. */
static void child(u32 n, u32 *heap, u32 *shared, u32 ms)
{
    u32 page;

    sleep_ms(ms);
    holds(heap, 1, "the heap");
    holds(still, 2, "the data");
    for (page = n % 2; page < PAGES; page += 2)
        heap[page * PAGE / 4] = ~word_of(n, page);
    shared[n] = n + 100;
    sleep_ms(ms / 2);
    for (page = 0; page < PAGES; page++)
        check(heap[page * PAGE / 4] == (page % 2 == n % 2 ? ~word_of(n, page) : word_of(1, page)),
              "page %u of child %u is somebody else's", page, n);
    holds(still, 2, "the data");
    exit(7);
}

static void round(u32 ms)
{
    u32 *heap = map_pages(PAGES * PAGE, PROT_READ | PROT_WRITE), *shared = share_pages(2 * PAGE), n;
    int pids[CHILDREN];

    fill(heap, 1);
    fill(still, 2);
    shared[PAGE / 4] = 55;
    for (n = 0; n < CHILDREN; n++)
        if ((pids[n] = spawn()) == 0)
            child(n, heap, shared, ms);
    sleep_ms(ms);
    heap[0] = 77; /* the children have the old one */
    shared[PAGE / 4] = 56;
    for (n = 0; n < CHILDREN; n++)
        reap(pids[n], 7);
    check(heap[0] == 77, "a child has written to the parent's page");
    heap[0] = word_of(1, 0);
    holds(heap, 1, "the parent's heap");
    holds(still, 2, "the parent's data");
    for (n = 0; n < CHILDREN; n++)
        check(shared[n] == n + 100, "what child %u wrote to shared memory is lost", n);
    check(shared[PAGE / 4] == 56, "shared memory is %u", shared[PAGE / 4]);
    check(munmap(heap, PAGES * PAGE) == 0 && munmap(shared, 2 * PAGE) == 0, "munmap");
}

void run(void)
{
    struct sysinfo info;
    u32 free[ROUNDS], n;

    round(argument(1, 40));
    for (n = 0; n < ROUNDS; n++) {
        round(0);
        sysinfo(&info);
        free[n] = info.freeram;
    }
    check(free[ROUNDS - 1] == free[ROUNDS - 2] || argument(2, 0), "%u bytes were free, now %u",
          free[ROUNDS - 2], free[ROUNDS - 1]);
    memset(still, 0, sizeof still);
}
