/* v1: objects of one size. */
#ifndef POOL_H
#define POOL_H
#include <stdint.h>

struct pool { uint32_t size; void *free, *unused, *end; }; /* unused: the rest of the last frame */
#endif
