/* Objects of one size, cut out of frames as they are asked for; those given back are linked through
   their first word. */
#include "kernel.h"

/* An object with anything in it, or 0 when there is no frame left. */
void *pool_take_raw(struct pool *pool)
{
    void *object = pool->free;

    if (object) {
        pool->free = *(void **)object;
        return object;
    }
    if ((char *)pool->end - (char *)pool->unused < (int)pool->size) {
        uint32_t pa = frame_for_kernel();
        if (!pa)
            return 0;
        pool->unused = P2V(pa);
        pool->end = P2V(pa + PAGE);
    }
    object = pool->unused;
    pool->unused = (char *)object + pool->size;
    return object;
}

/* A zeroed object, or 0 when there is no frame left. */
void *pool_take(struct pool *pool)
{
    void *object = pool_take_raw(pool);

    return object ? memset(object, 0, pool->size) : 0;
}

void pool_give(struct pool *pool, void *object)
{
    *(void **)object = pool->free;
    pool->free = object;
}
