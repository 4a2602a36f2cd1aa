/* The functions compilers call unasked: linked to a card that does not bring its own.
 *
 * Names and meaning are those of libgcc ("Routines for integer arithmetic") and of C11 7.24; there
 * is no libgcc for -m32 on most hosts, and the same card should behave the same with any compiler.
 */
#include <stdint.h>

typedef unsigned size_type; /* as size_t of i386 */

__attribute__((noreturn)) void hotswap_fail(const char *text);

void *memcpy(void *to, const void *from, size_type size)
{
	void *edi = to;

	__asm__ volatile("rep movsb" : "+D"(edi), "+S"(from), "+c"(size) : : "memory");
	return to;
}

void *memmove(void *to, const void *from, size_type size)
{
	const char *source = from;
	char *target = to;

	if ((uintptr_t)to - (uintptr_t)from >= size)
		return memcpy(to, from, size);
	while (size--)
		target[size] = source[size];
	return to;
}

void *memset(void *to, int value, size_type size)
{
	void *edi = to;

	__asm__ volatile("rep stosb" : "+D"(edi), "+c"(size) : "a"(value) : "memory");
	return to;
}

int memcmp(const void *one, const void *other, size_type size)
{
	const unsigned char *a = one, *b = other;

	for (; size; size--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}

size_type strlen(const char *text)
{
	size_type length = 0;

	while (text[length])
		length++;
	return length;
}

/* High word first, each by the processor's own division of 64 by 32 bits; with a divisor of more
 * than 32 bits one bit at a time, for the quotient has at most 32. Division by 0 is the
 * processor's. */
uint64_t __udivmoddi4(uint64_t number, uint64_t divisor, uint64_t *rest)
{
	uint32_t high = number >> 32, low = number, quotient_high, quotient_low;

	if (!(divisor >> 32)) {
		uint32_t by = divisor;

		__asm__("divl %4" : "=a"(quotient_high), "=d"(high) : "0"(high), "1"(0), "r"(by));
		__asm__("divl %4" : "=a"(quotient_low), "=d"(high) : "0"(low), "1"(high), "r"(by));
		if (rest)
			*rest = high;
		return (uint64_t)quotient_high << 32 | quotient_low;
	}
	uint64_t quotient = 0;
	int shift = 0;

	while (!(divisor >> 63) && divisor << 1 <= number) {
		divisor <<= 1;
		shift++;
	}
	for (; shift >= 0; shift--, divisor >>= 1) {
		quotient <<= 1;
		if (number >= divisor) {
			number -= divisor;
			quotient |= 1;
		}
	}
	if (rest)
		*rest = number;
	return quotient;
}

uint64_t __udivdi3(uint64_t number, uint64_t divisor)
{
	return __udivmoddi4(number, divisor, 0);
}

uint64_t __umoddi3(uint64_t number, uint64_t divisor)
{
	uint64_t rest;

	__udivmoddi4(number, divisor, &rest);
	return rest;
}

static uint64_t magnitude(int64_t number)
{
	return number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
}

int64_t __divmoddi4(int64_t number, int64_t divisor, int64_t *rest)
{
	uint64_t left, quotient = __udivmoddi4(magnitude(number), magnitude(divisor), &left);

	*rest = number < 0 ? 0 - left : left;
	return (number ^ divisor) < 0 ? 0 - quotient : quotient;
}

int64_t __divdi3(int64_t number, int64_t divisor)
{
	int64_t rest;

	return __divmoddi4(number, divisor, &rest);
}

int64_t __moddi3(int64_t number, int64_t divisor)
{
	int64_t rest;

	__divmoddi4(number, divisor, &rest);
	return rest;
}

/* 64 bits from words; gcc and clang do these inline unless asked for small code. */
union words {
	uint64_t all;
	uint32_t word[2];
};

uint64_t __muldi3(uint64_t one, uint64_t other)
{
	union words a = {one}, b = {other}, product;

	__asm__("mull %3" : "=a"(product.word[0]), "=d"(product.word[1]) : "0"(a.word[0]), "r"(b.word[0]));
	product.word[1] += a.word[0] * b.word[1] + a.word[1] * b.word[0];
	return product.all;
}

uint64_t __ashldi3(uint64_t number, int count)
{
	union words a = {number}, shifted;

	if (count & 32) {
		shifted.word[1] = a.word[0] << (count & 31);
		shifted.word[0] = 0;
	} else {
		shifted.word[0] = a.word[0] << (count & 31);
		shifted.word[1] = a.word[1] << (count & 31) | (a.word[0] >> 1) >> (~count & 31);
	}
	return shifted.all;
}

uint64_t __lshrdi3(uint64_t number, int count)
{
	union words a = {number}, shifted;

	if (count & 32) {
		shifted.word[0] = a.word[1] >> (count & 31);
		shifted.word[1] = 0;
	} else {
		shifted.word[1] = a.word[1] >> (count & 31);
		shifted.word[0] = a.word[0] >> (count & 31) | (a.word[1] << 1) << (~count & 31);
	}
	return shifted.all;
}

int64_t __ashrdi3(int64_t number, int count)
{
	union words a = {number}, shifted;
	int32_t high = a.word[1];

	if (count & 32) {
		shifted.word[0] = high >> (count & 31);
		shifted.word[1] = high >> 31;
	} else {
		shifted.word[1] = high >> (count & 31);
		shifted.word[0] = a.word[0] >> (count & 31) | (a.word[1] << 1) << (~count & 31);
	}
	return shifted.all;
}

int __popcountsi2(uint32_t number)
{
	int bits = 0;

	for (; number; number &= number - 1)
		bits++;
	return bits;
}

int __popcountdi2(uint64_t number)
{
	return __popcountsi2(number) + __popcountsi2(number >> 32);
}

/* -fstack-protector looks for its guard at %gs:0x14, where a card has nothing: build with
 * -fno-stack-protector, or with -mstack-protector-guard=global. */
uintptr_t __stack_chk_guard = 0x00FF0A0D;

__attribute__((noreturn)) void __stack_chk_fail(void)
{
	hotswap_fail("the stack protector has found a buffer overrun");
}

__attribute__((noreturn)) void __stack_chk_fail_local(void)
{
	__stack_chk_fail();
}

__attribute__((noreturn)) void abort(void)
{
	hotswap_fail("abort() was called");
}
