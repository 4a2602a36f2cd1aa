/* A card for the tests that does what it is told to, and it is told to do wrong.
 * with: -fno-omit-frame-pointer */
#include "hotswap_card.h"

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 1}}, .irq_count = 1, .irqs = {5}},
};
static volatile uint32_t zero;
static uint32_t answered;

__attribute__((noinline)) static uint32_t deeper(volatile uint32_t *from, uint32_t count)
{
	volatile uint32_t local[256];

	local[count & 255] = from ? from[1] : count; /* the stack's end */
	return count + 1 == zero ? 0 : deeper(local, count + 1) + local[count & 255];
}

__attribute__((noinline)) static void store(uint32_t address)
{
	*(volatile uint32_t *)address = 1; /* the wild pointer */
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)port, (void)width;
	hotswap_irq(0, 1);
	switch (value) {
	case 'p':
		store(0xDEAD0000);
		break;
	case 't':
		store((uint32_t)write);
		break;
	case 'l':
		for (;;)
			answered++;
	case 'o':
		__asm__ volatile("ud2");
		break;
	case 'd':
		answered /= zero;
		break;
	case 's':
		answered = deeper(0, 0);
		break;
	case 'h':
		hotswap_irq(9, 1);
		break;
	case 'f':
		hotswap_fail("the paper is out");
	case 'j':
		((void (*)(void))0x1234)();
		break;
	}
	answered++;
}

static uint32_t read(uint32_t port, uint32_t width)
{
	(void)port, (void)width;
	store(0);
	return 0;
}

HOTSWAP_CARD("faults", "1.0", .resources = places, .resource_count = 1, .write = write,
	     .read = read);
