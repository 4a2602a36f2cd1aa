/* A card for the tests that means ill: it asks the board for more than a card should have. */
#include "hotswap_card.h"

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 1}}, .irq_count = 1, .irqs = {5}},
};
static uint32_t given, timers_rung, worked;
static volatile uint32_t got;
static uint8_t bytes[4096];

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)port, (void)width;
	switch (value) {
	case 'a':
		while (hotswap_alloc(65536))
			given++;
		break;
	case 'k':
		for (uint32_t id = 0;; id++)
			hotswap_keep(id, bytes, 1);
	case 'K':
		hotswap_keep(0, (void *)write, 4);
		break;
	case 'i':
		for (uint32_t level = 1;; level ^= 1)
			hotswap_irq(0, level);
	case 'l':
		for (uint32_t count = 0; count < 1000; count++)
			hotswap_log(3, "noise");
		break;
	case 'L':
		hotswap_log(3, (const char *)0xEFFFFFF0);
		break;
	case 'o':
		for (uint32_t count = 0; count < 1000; count++)
			hotswap_put(bytes, sizeof(bytes));
		break;
	case 'O':
		hotswap_put(bytes, 0xFFFFFFFF);
		break;
	case 'p':
		for (;;)
			hotswap_post('n', 0);
	case 'w':
		hotswap_post('w', 0);
		break;
	case 't':
		hotswap_timer(0, 1);
		hotswap_timer(1, 1);
		break;
	case 'g':
		got = hotswap_memory_get(0xFFFFF000, bytes, 4096);
		break;
	case 'G':
		hotswap_get((void *)write, 16);
		break;
	case 'm':
		hotswap_map_ram(0xA0000, 4096);
		break;
	case 's':
		hotswap_screen(bytes, 4096, 4096, 16384, 32);
		break;
	case 'S':
		hotswap_get((void *)0xF0000000, 64); /* where calls into the host begin */
		break;
	case 'n':
		hotswap_timer(9, 1);
		break;
	}
}

static uint32_t read(uint32_t port, uint32_t width)
{
	(void)port, (void)width;
	return given;
}

static void timer(uint32_t timer)
{
	timers_rung++;
	hotswap_timer(timer, 1);
}

static void work(uint32_t what, uint32_t argument)
{
	if (what != 'w')
		return;
	worked++;
	for (volatile uint32_t count = 0; count < 300000; count++)
		;
	hotswap_post(what, argument);
}

HOTSWAP_CARD("hostile", "1.0", .resources = places, .resource_count = 1, .write = write,
	     .read = read, .timer = timer, .timers = 2, .work = work);
