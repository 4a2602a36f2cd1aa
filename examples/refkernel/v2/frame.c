/* Physical frames: a buddy allocator. A free block of 2^order frames is aligned to its size and
   hangs in the list of its order by its first frame's links; those of a frame in use are free to
   count who shares it. */
#include "kernel.h"

enum { ORDERS = 13, KERNEL_KEEPS = 64 }; /* frames user pages leave to the kernel */
enum { INSIDE, USED, SHARED, FREE }; /* SHARED: links.next is the number of holders;
                                        FREE + order: the first frame of a free block */

struct frame_links { uint32_t next, prev; }; /* frame numbers, 0: none */

static struct frame_links *links; /* by frame number, as `state` */
static uint8_t *state;
static uint32_t first, end, free_lists[ORDERS], nfree;
static bool open;
uint32_t frames_total;

/* Early frames come one behind the other. */
static void *early_array(uint32_t len)
{
    uint32_t pa = early_frame();

    for (uint32_t used = PAGE; used < len; used += PAGE)
        early_frame();
    return P2V(pa);
}

/* Every frame from memory.lo to memory.hi is free, in no list yet. */
void frame_init(void)
{
    end = memory.hi / PAGE;
    links = early_array(end * sizeof *links);
    state = early_array(end);
    memset(state, INSIDE, end);
    first = memory.lo / PAGE;
    nfree = frames_total = end - first;
    open = false;
}

static void push(uint32_t frame, uint32_t order)
{
    links[frame] = (struct frame_links){ .next = free_lists[order], .prev = 0 };
    if (free_lists[order])
        links[free_lists[order]].prev = frame;
    free_lists[order] = frame;
    state[frame] = (uint8_t)(FREE + order);
}

static void unlink(uint32_t frame)
{
    struct frame_links *at = &links[frame];

    if (at->prev)
        links[at->prev].next = at->next;
    else
        free_lists[state[frame] - FREE] = at->next;
    if (at->next)
        links[at->next].prev = at->prev;
    state[frame] = INSIDE;
}

/* Where the frames below `top` that are used, or are not, begin. Sixteen at a time, for there are many:
   user programs stand still meanwhile. */
static uint32_t start_of(bool used, uint32_t top)
{
    const uint32_t four = used ? USED * 0x01010101u : INSIDE;

    while (top > first && (state[top - 1] != INSIDE) == used) {
        top--;
        for (; top >= first + 16; top -= 16) {
            const uint32_t *at = (const uint32_t *)(state + top - 16);
            if (at[0] != four || at[1] != four || at[2] != four || at[3] != four)
                break;
        }
        while (top >= first + 4 && *(const uint32_t *)(state + top - 4) == four)
            top -= 4;
    }
    return top;
}

/* Until now nothing but SCRATCH has been handed out: what nobody has claimed becomes blocks. From
   the top down, so that the lowest are taken first. */
void frame_open(void)
{
    for (uint32_t top = end; top > first; top = start_of(true, top)) {
        uint32_t bottom = start_of(false, top), order;
        while (top > bottom) {
            for (order = 0; order + 1 < ORDERS && !(top & ((2u << order) - 1))
                            && top - bottom >= 2u << order; order++)
                ;
            top -= 1u << order;
            push(top, order);
        }
    }
    open = true;
}

/* The first frame of 2^order used ones, 0 when there is no such block. */
static uint32_t take(uint32_t order)
{
    uint32_t from = order, frame;

    while (from < ORDERS && !free_lists[from])
        from++;
    if (!open || from == ORDERS)
        return 0;
    frame = free_lists[from];
    unlink(frame);
    while (from-- > order)
        push(frame + (1u << from), from);
    memset(state + frame, USED, 1u << order);
    nfree -= 1u << order;
    return frame;
}

uint32_t frame_for_kernel(void)
{
    uint32_t pa = scratch_frame();
    return pa ? pa : take(0) * PAGE;
}

uint32_t frame_for_user(void)
{
    return nfree > KERNEL_KEEPS ? take(0) * PAGE : 0;
}

/* n frames next to each other. */
uint32_t frame_run(uint32_t n)
{
    uint32_t order = 0, frame;

    while (1u << order < n)
        order++;
    frame = order < ORDERS ? take(order) : 0;
    for (uint32_t i = n; frame && i < 1u << order; i++)
        frame_free((frame + i) * PAGE);
    return frame * PAGE;
}

/* Frames somebody uses already, before frame_open(); those outside our range are nobody's. */
void frame_claim(uint32_t pa, uint32_t n)
{
    uint32_t lo = MAX(pa / PAGE, first), hi = MIN(pa / PAGE + n, end);

    if (lo >= hi)
        return;
    nfree -= hi - lo;
    if (hi - lo > 16)
        memset(state + lo, USED, hi - lo);
    else
        while (lo < hi)
            state[lo++] = USED;
}

static bool is_ours(uint32_t frame)
{
    return frame >= first && frame < end;
}

/* One more holder of a frame that is in use. */
void frame_share(uint32_t pa)
{
    uint32_t frame = pa / PAGE;

    if (!is_ours(frame))
        return;
    links[frame].next = state[frame] == SHARED ? links[frame].next + 1 : 2;
    state[frame] = SHARED;
}

bool frame_is_shared(uint32_t pa)
{
    return is_ours(pa / PAGE) && state[pa / PAGE] == SHARED;
}

/* As frame_claim(), for frames that others may hold already. */
void frame_claim_shared(uint32_t pa, uint32_t n)
{
    for (uint32_t to = pa + n * PAGE; pa < to; pa += PAGE)
        if (is_ours(pa / PAGE) && state[pa / PAGE] != INSIDE)
            frame_share(pa);
        else
            frame_claim(pa, 1);
}

/* One holder less; free without any. A frame of SCRATCH is not given back: the next switchover
   starts with all of it anyway. */
void frame_free(uint32_t pa)
{
    uint32_t frame = pa / PAGE, order = 0;

    if (!is_ours(frame))
        return;
    if (state[frame] == SHARED) {
        if (--links[frame].next == 1)
            state[frame] = USED;
        return;
    }
    nfree++;
    for (; order + 1 < ORDERS; order++) {
        uint32_t buddy = frame ^ 1u << order;
        if (buddy < first || buddy >= end || state[buddy] != FREE + order)
            break;
        unlink(buddy);
        state[frame] = INSIDE;
        frame &= ~(1u << order);
    }
    push(frame, order);
}

uint32_t frames_free(void)
{
    return nfree;
}
