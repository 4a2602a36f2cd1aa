/* A card for the tests that cannot be plugged in. */
#include "hotswap_card.h"

static const struct hotswap_resources places[] = {{.ports = {{0x300, 1}}}};

static void plugged(uint32_t alternative)
{
	(void)alternative;
	hotswap_fail("not in this slot");
}

static uint32_t read(uint32_t port, uint32_t width)
{
	return port + width;
}

HOTSWAP_CARD("stubborn", "1.0", .resources = places, .resource_count = 1, .plugged = plugged,
	     .read = read);
