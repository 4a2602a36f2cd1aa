/* A card for the tests that has the functions compilers call unasked. */
#include "hotswap_card.h"

int memcmp(const void *, const void *, uint32_t);
void *memmove(void *, const void *, uint32_t), *memset(void *, int, uint32_t);
uint64_t __udivdi3(uint64_t, uint64_t), __umoddi3(uint64_t, uint64_t), __muldi3(uint64_t, uint64_t);
uint64_t __ashldi3(uint64_t, int), __lshrdi3(uint64_t, int);
int64_t __divdi3(int64_t, int64_t), __moddi3(int64_t, int64_t), __ashrdi3(int64_t, int);
uint8_t room[256];

void *const needed[] = {
	__udivdi3, __umoddi3, __divdi3, __moddi3, __muldi3, __ashldi3,
	__lshrdi3, __ashrdi3, memcmp, memmove, memset,
};

HOTSWAP_CARD("arithmetic", "1.0");
