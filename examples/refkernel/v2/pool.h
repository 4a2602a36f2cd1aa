/* v2: objects of one size. */
#ifndef POOL_H
#define POOL_H
#include <stdint.h>

struct pool { void *free; uint32_t size; };
#endif
