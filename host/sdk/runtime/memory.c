/* What compilers call without being asked: joined to a card that has not its own. */
#include <stddef.h>

#define WEAK __attribute__((weak))

WEAK void *memcpy(void *to, const void *from, size_t size)
{
	void *at = to;

	__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	return to;
}

WEAK void *memset(void *to, int value, size_t size)
{
	void *at = to;

	__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(value) : "memory");
	return to;
}

WEAK void *memmove(void *to, const void *from, size_t size)
{
	char *at = (char *)to + size - 1;
	const char *last = (const char *)from + size - 1;

	if ((char *)to <= (const char *)from || (char *)to >= (const char *)from + size) {
		at = to;
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(size) : : "memory");
	} else {
		__asm__ volatile("std; rep movsb; cld"
				 : "+D"(at), "+S"(last), "+c"(size) : : "memory");
	}
	return to;
}

WEAK int memcmp(const void *left, const void *right, size_t size)
{
	const unsigned char *a = left, *b = right;

	for (; size; size--, a++, b++)
		if (*a != *b)
			return *a - *b;
	return 0;
}
