/* Physical frames: one bit each, set when used; the lowest free one is taken first. */
#include "kernel.h"

enum { KERNEL_KEEPS = 64 }; /* frames user pages leave to the kernel */

static uint32_t *used, words;
static uint32_t lowest; /* no word before this one has a free frame */
static uint32_t nfree;
static bool open;
uint32_t frames_total;

/* Marks n frames; whole words of them at once. */
static void set_used(uint32_t frame, uint32_t n)
{
    while (n) {
        uint32_t part = MIN(n, 32 - frame % 32);
        used[frame / 32] |= (part == 32 ? ~0u : (1u << part) - 1) << frame % 32;
        frame += part;
        n -= part;
    }
}

/* Every frame from memory.lo to memory.hi is free; what is in use is claimed afterwards. */
void frame_init(void)
{
    uint32_t pa = early_frame();

    words = (memory.hi / PAGE + 31) / 32;
    for (uint32_t len = PAGE; len < words * sizeof *used; len += PAGE)
        early_frame(); /* they come one behind the other */
    used = P2V(pa);
    memset(used, 0, words * sizeof *used);
    set_used(0, memory.lo / PAGE);
    set_used(memory.hi / PAGE, words * 32 - memory.hi / PAGE);
    nfree = frames_total = (memory.hi - memory.lo) / PAGE;
    lowest = memory.lo / PAGE / 32;
    open = false;
}

/* Until now nothing but SCRATCH has been handed out. */
void frame_open(void)
{
    open = true;
}

static uint32_t take(void)
{
    if (!open)
        return 0;
    for (; lowest < words; lowest++)
        if (~used[lowest]) {
            uint32_t bit = (uint32_t)__builtin_ctz(~used[lowest]);
            used[lowest] |= 1u << bit;
            nfree--;
            return (lowest * 32 + bit) * PAGE;
        }
    return 0;
}

uint32_t frame_for_kernel(void)
{
    uint32_t pa = scratch_frame();
    return pa ? pa : take();
}

uint32_t frame_for_user(void)
{
    return nfree > KERNEL_KEEPS ? take() : 0;
}

static bool is_used(uint32_t frame)
{
    return used[frame / 32] >> frame % 32 & 1;
}

/* n frames next to each other, from the top down: away from where single frames are taken. */
uint32_t frame_run(uint32_t n)
{
    uint32_t found = 0;

    for (uint32_t frame = memory.hi / PAGE; open && frame-- > memory.lo / PAGE;) {
        found = is_used(frame) ? 0 : found + 1;
        if (found == n) {
            frame_claim(frame * PAGE, n);
            return frame * PAGE;
        }
    }
    return 0;
}

/* Frames somebody uses already, which must be free here; those outside our range are nobody's. */
void frame_claim(uint32_t pa, uint32_t n)
{
    uint32_t lo = MAX(pa, memory.lo), hi = MIN(pa + n * PAGE, memory.hi);

    if (lo >= hi)
        return;
    set_used(lo / PAGE, (hi - lo) / PAGE);
    nfree -= (hi - lo) / PAGE;
}

/* A frame of SCRATCH is not given back: the next switchover starts with all of it anyway. */
void frame_free(uint32_t pa)
{
    if (pa < memory.lo || pa >= memory.hi)
        return;
    used[pa / PAGE / 32] &= ~(1u << pa / PAGE % 32);
    lowest = MIN(lowest, pa / PAGE / 32);
    nfree++;
}

uint32_t frames_free(void)
{
    return nfree;
}
