/* A card for the tests whose state goes by field names. */
#include "hotswap_card.h"

static uint8_t level = 3;
static int16_t offset = -5;
static uint32_t ready = 1, names_length, times_count, due, is_due;
static uint8_t names[16];
static uint16_t times[4];
static uint64_t far;

static const struct hotswap_field fields[] = {
	{"level", &level, HOTSWAP_UNSIGNED, 1, 0, 0},
	{"offset", &offset, HOTSWAP_SIGNED, 2, 0, 0},
	{"ready", &ready, HOTSWAP_BOOL, 4, 0, 0},
	{"names", names, HOTSWAP_BYTES, sizeof(names), 0, &names_length},
	{"times", times, HOTSWAP_LIST, sizeof(times), sizeof(times[0]), &times_count},
	{"due", &due, HOTSWAP_OPTIONAL, 4, 0, &is_due},
	{"far", &far, HOTSWAP_UNSIGNED, 8, 0, 0},
};
static const struct hotswap_resources places[] = {{.ports = {{0x300, 8}}}};

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)width;
	switch (port & 7) {
	case 0:
		level = value;
		break;
	case 1:
		offset = -(int32_t)value;
		break;
	case 2:
		ready = value;
		break;
	case 3:
		names[names_length++ & 15] = value;
		break;
	case 4:
		times[times_count++ & 3] = 256 * value;
		break;
	case 5:
		due = value;
		is_due = 1;
		break;
	case 6:
		far = (uint64_t)value << 40;
		break;
	}
}

static uint32_t restored_count;

static void restored(void)
{
	restored_count++;
}

static uint32_t read(uint32_t port, uint32_t width)
{
	return port & 7 ? width * restored_count : level;
}

HOTSWAP_CARD("named", "1.0", .state_version = 3, .resources = places, .resource_count = 1,
	     .fields = fields, .field_count = HOTSWAP_COUNT(fields), .read = read, .write = write,
	     .restored = restored);
