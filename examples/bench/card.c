/* The card of `hotswap-host bench`: a status register at 300h that never changes. */
#include "hotswap_card.h"

static uint32_t status = 0x40;

static uint32_t read_port(uint32_t port, uint32_t width)
{
	(void)port;
	(void)width;
	return status;
}

static const struct hotswap_resources jumpers[] = {{.ports = {{0x300, 4}}}};

HOTSWAP_CARD("bench-card", "1.0",
	     .resources = jumpers, .resource_count = HOTSWAP_COUNT(jumpers),
	     .read = read_port);
