/* 64-bit division, which an i386 has not and compilers call by these names. */
#include <stdint.h>

#define WEAK __attribute__((weak))

/* high:low / by, where high < by */
static uint32_t divide_step(uint32_t high, uint32_t low, uint32_t by, uint32_t *rest)
{
	uint32_t quotient;

	__asm__("divl %4" : "=a"(quotient), "=d"(*rest) : "0"(low), "1"(high), "r"(by) : "cc");
	return quotient;
}

static uint64_t divide(uint64_t value, uint64_t by, uint64_t *rest)
{
	uint64_t quotient = 0, left = 0;
	int bit;

	if (!(by >> 32)) { /* as on paper, in two digits of 32 bits; by 0 it is a fault, too */
		uint32_t high = value >> 32, remainder, upper, lower;

		upper = divide_step(0, high, by, &remainder);
		lower = divide_step(remainder, value, by, &remainder);
		*rest = remainder;
		return (uint64_t)upper << 32 | lower;
	}
	for (bit = 63; bit >= 0; bit--) {
		left = left << 1 | (value >> bit & 1);
		if (left >= by) {
			left -= by;
			quotient |= 1ull << bit;
		}
	}
	*rest = left;
	return quotient;
}

static uint64_t magnitude(int64_t value)
{
	return value < 0 ? -(uint64_t)value : (uint64_t)value;
}

WEAK uint64_t __udivdi3(uint64_t value, uint64_t by)
{
	uint64_t rest;

	return divide(value, by, &rest);
}

WEAK uint64_t __umoddi3(uint64_t value, uint64_t by)
{
	uint64_t rest;

	divide(value, by, &rest);
	return rest;
}

WEAK uint64_t __udivmoddi4(uint64_t value, uint64_t by, uint64_t *rest)
{
	uint64_t left, quotient = divide(value, by, &left);

	if (rest)
		*rest = left;
	return quotient;
}

WEAK int64_t __divdi3(int64_t value, int64_t by)
{
	uint64_t rest, quotient = divide(magnitude(value), magnitude(by), &rest);

	return (value < 0) != (by < 0) ? -quotient : quotient;
}

WEAK int64_t __moddi3(int64_t value, int64_t by)
{
	uint64_t rest;

	divide(magnitude(value), magnitude(by), &rest);
	return value < 0 ? -rest : rest;
}
