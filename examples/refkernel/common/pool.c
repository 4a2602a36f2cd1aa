/* Objects of one size, cut out of frames; the free ones are linked through their first word. */
#include "kernel.h"

/* A zeroed object, or 0 when there is no frame left. */
void *pool_take(struct pool *pool)
{
    void **object = pool->free;

    if (!object) {
        uint32_t pa = frame_for_kernel();
        if (!pa)
            return 0;
        for (uint32_t at = 0; at + pool->size <= PAGE; at += pool->size)
            pool_give(pool, P2V(pa + at));
        object = pool->free;
    }
    pool->free = *object;
    return memset(object, 0, pool->size);
}

void pool_give(struct pool *pool, void *object)
{
    *(void **)object = pool->free;
    pool->free = object;
}
