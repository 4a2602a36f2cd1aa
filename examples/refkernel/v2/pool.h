/* v2: objects of one size. */
#ifndef POOL_H
#define POOL_H
#include <stdint.h>

struct pool { void *end, *unused, *free; uint32_t size; }; /* unused: the rest of the last frame */
#endif
