/* A card for the tests: counts, adds up, and touches what it is told to. */
#include "hotswap_card.h"

enum { COUNT, SUM, LATCH, COMMAND };

static uint32_t base, count, latch = 7;
static uint64_t sum;
int common[3];

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 4}}, .irq_count = 1, .irqs = {5}},
	{.ports = {{0x310, 4}}, .irq_count = 1, .irqs = {7}},
};

__attribute__((constructor)) static void before(void)
{
	common[2] = 42;
}

static void power_on(void)
{
	latch++;
}

static void plugged(uint32_t alternative)
{
	base = places[alternative].ports[0].first;
}

static uint32_t read(uint32_t port, uint32_t width)
{
	switch (port - base) {
	case COUNT:
		return ++count;
	case SUM:
		return sum / 3;
	case LATCH:
		hotswap_irq(0, 0);
		return latch;
	default:
		return width == 1 ? common[2] : 0;
	}
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	switch (port - base) {
	case SUM:
		sum += value;
		break;
	case LATCH:
		latch = value;
		hotswap_irq(0, 1);
		break;
	case COMMAND:
		hotswap_post(value, width);
		break;
	}
}

static void work(uint32_t what, uint32_t argument)
{
	char text[] = "did ?\n";

	text[4] = what;
	hotswap_put(text, sizeof(text) - 1);
	count += argument;
}

HOTSWAP_CARD("counter", "1.0", .resources = places, .resource_count = HOTSWAP_COUNT(places),
	     .power_on = power_on, .plugged = plugged, .read = read, .write = write, .work = work);
