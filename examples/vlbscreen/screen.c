/* A frame buffer on the VESA local bus: four registers of 32 bits, and video memory that the guest
 * writes at the speed of RAM.
 *
 *   2C0h  ID       r   "HSFB"
 *   2C4h  SIZE     rw  width, and height << 16, in pixels
 *   2C8h  CONTROL  rw  bits a pixel: 8 (R3G3B2), 15, 16 or 32; bit 31 lights the screen
 *   2CCh  START    rw  the first pixel shown, in bytes from the start of the memory
 *
 * Lines follow each other without gaps. A write that would show what is not video memory, or a
 * depth there is not, is ignored: read it back.
 */
#include "hotswap_card.h"

#define ID_VALUE 0x42465348u
#define VIDEO_SIZE 0x200000u /* 2 MiB: 1024 by 1024 pixels of 16 bits */
#define LIT 0x80000000u

enum reg { ID = 0x0, SIZE = 0x4, CONTROL = 0x8, START = 0xC };

static uint32_t size, control, start;
static uint8_t *video; /* set in plugged(); not part of the state, the memory is */

static const struct hotswap_resources places[] = {
	{.ports = {{0x2C0, 16}}, .windows = {{0xE0000000u, VIDEO_SIZE}}},
	{.ports = {{0x2C0, 16}}, .windows = {{0xE8000000u, VIDEO_SIZE}}},
	{.ports = {{0x2D0, 16}}, .windows = {{0xEC000000u, VIDEO_SIZE}}},
};

static const struct hotswap_field fields[] = {
	{"size", &size, HOTSWAP_UNSIGNED, 4, 0, 0},
	{"control", &control, HOTSWAP_UNSIGNED, 4, 0, 0},
	{"start", &start, HOTSWAP_UNSIGNED, 4, 0, 0},
};

/* Bytes of a pixel; 0 for a depth there is not. */
static uint32_t pixel_size(uint32_t bits)
{
	switch (bits) {
	case 8:
		return 1;
	case 15:
	case 16:
		return 2;
	case 32:
		return 4;
	default:
		return 0;
	}
}

/* Whether all that would be shown is video memory. */
static int fits(uint32_t new_size, uint32_t new_control, uint32_t new_start)
{
	uint32_t width = new_size & 0xFFFF, height = new_size >> 16;
	uint32_t bytes = pixel_size(new_control & ~LIT);

	if (!bytes || width > 4096 || height > 4096 || new_start > VIDEO_SIZE)
		return 0;
	return width * height * bytes <= VIDEO_SIZE - new_start; /* at most 64 Mi: no overflow */
}

/* Tell the monitor: nothing while the screen is dark. */
static void show(void)
{
	uint32_t width = size & 0xFFFF, height = size >> 16, bits = control & ~LIT;

	if (!video)
		return;
	if (control & LIT && width && height)
		hotswap_screen(video + start, width, height, width * pixel_size(bits), bits);
	else
		hotswap_screen(0, 0, 0, 0, 8);
}

static void set(uint32_t new_size, uint32_t new_control, uint32_t new_start)
{
	if (!fits(new_size, new_control, new_start))
		return;
	size = new_size;
	control = new_control;
	start = new_start;
	show();
}

static void power_on(void)
{
	size = 640 | 480 << 16;
	control = 8;
	start = 0;
	show();
}

static void plugged(uint32_t alternative)
{
	video = hotswap_map_ram(places[alternative].windows[0].first, VIDEO_SIZE);
	if (!video)
		hotswap_fail("there is no video memory to be had");
	show();
}

static uint32_t read(uint32_t port, uint32_t width)
{
	static const uint32_t floating[] = {0, 0xFF, 0xFFFF, 0, 0xFFFFFFFFu};

	if (width != 4)
		return floating[width]; /* its registers are there for whole cycles only */
	switch (port & 0xF) {
	case ID:
		return ID_VALUE;
	case SIZE:
		return size;
	case CONTROL:
		return control;
	default:
		return start;
	}
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	if (width != 4)
		return;
	switch (port & 0xF) {
	case SIZE:
		set(value, control, start);
		break;
	case CONTROL:
		set(size, value, start);
		break;
	case START:
		set(size, control, value);
		break;
	default: /* ID */
		break;
	}
}

HOTSWAP_CARD("vlbscreen", "1.0",
	.state_version = 1,
	.cycle_width = 4,
	.policy = HOTSWAP_CARRY,
	.resources = places, .resource_count = HOTSWAP_COUNT(places),
	.fields = fields, .field_count = HOTSWAP_COUNT(fields),
	.power_on = power_on,
	.plugged = plugged,
	.restored = show,
	.read = read,
	.write = write);
