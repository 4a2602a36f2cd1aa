/* Physical frames: one bit each, set when used; the lowest free one is taken first. Who shares a
   frame is counted in an array of its own. */
#include "kernel.h"

enum { KERNEL_KEEPS = 64 }; /* frames user pages leave to the kernel */

static uint32_t *used, words;
static uint16_t *others; /* by frame: holders besides the first */
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

/* Zeros; early frames come one behind the other. */
static void *early_array(uint32_t len)
{
    uint32_t pa = early_frame();

    for (uint32_t at = PAGE; at < len; at += PAGE)
        early_frame();
    return memset(P2V(pa), 0, len);
}

/* Every frame from memory.lo to memory.hi is free; what is in use is claimed afterwards. */
void frame_init(void)
{
    words = (memory.hi / PAGE + 31) / 32;
    used = early_array(words * sizeof *used);
    others = early_array(words * 32 * sizeof *others);
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

static bool is_ours(uint32_t pa)
{
    return pa >= memory.lo && pa < memory.hi;
}

/* One more holder of a frame that is in use. */
void frame_share(uint32_t pa)
{
    if (is_ours(pa))
        others[pa / PAGE]++;
}

bool frame_is_shared(uint32_t pa)
{
    return is_ours(pa) && others[pa / PAGE];
}

/* As frame_claim(), for frames that others may hold already. */
void frame_claim_shared(uint32_t pa, uint32_t n)
{
    for (uint32_t end = pa + n * PAGE; pa < end; pa += PAGE)
        if (is_ours(pa) && is_used(pa / PAGE))
            others[pa / PAGE]++;
        else
            frame_claim(pa, 1);
}

/* One holder less; free without any. A frame of SCRATCH is not given back: the next switchover
   starts with all of it anyway. */
void frame_free(uint32_t pa)
{
    if (!is_ours(pa))
        return;
    if (others[pa / PAGE]) {
        others[pa / PAGE]--;
        return;
    }
    used[pa / PAGE / 32] &= ~(1u << pa / PAGE % 32);
    lowest = MIN(lowest, pa / PAGE / 32);
    nfree++;
}

uint32_t frames_free(void)
{
    return nfree;
}
