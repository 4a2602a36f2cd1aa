/* A card for the tests with all there is to connect: a back end, DMA, memory, a monitor. */
#include "hotswap_card.h"

#define WINDOW 0xE0000000u

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 8}},
	 .windows = {{WINDOW, 0x4000}, {0xA0000, 0x1000}},
	 .irq_count = 1,
	 .irqs = {5},
	 .drq_count = 2,
	 .drqs = {1, 3}},
};
static uint8_t echo[64], registers[0x100];
static uint32_t echoed, greedy, lines, ends, ran, room_came;
static uint8_t *video;

static void plugged(uint32_t alternative)
{
	(void)alternative;
	video = hotswap_map_ram(WINDOW, 0x4000);
	if (video)
		hotswap_screen(video, 16, 8, 64, 32);
}

static uint32_t read(uint32_t port, uint32_t width)
{
	(void)width;
	switch (port & 7) {
	case 0:
		return hotswap_room();
	case 1:
		return room_came;
	case 2:
		return lines;
	case 3:
		return ends;
	case 4:
		return ran;
	case 5:
		return video ? video[5] : 0xFF;
	default:
		return echoed;
	}
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)width;
	switch (port & 7) {
	case 0:
		greedy = value;
		break;
	case 1:
		hotswap_drq(value & 1, value >> 1 & 1);
		break;
	case 2:
		echoed = hotswap_memory_get(0x10000 * value, registers, sizeof(registers));
		break;
	case 3:
		echoed = hotswap_memory_put(0x10000 * value, registers, sizeof(registers));
		break;
	case 4:
		hotswap_timer(0, hotswap_now() + 1000000 * value);
		break;
	case 5:
		video[5] = value;
		break;
	}
}

static uint32_t memory_read(uint32_t address, uint32_t width)
{
	return width == 1 ? registers[address & 0xFF] : 0;
}

static void memory_write(uint32_t address, uint32_t width, uint32_t value)
{
	if (width == 1)
		registers[address & 0xFF] = value;
}

static uint32_t dma_read(uint32_t line, void *to, uint32_t size)
{
	uint8_t *at = to;

	lines |= 1 << line;
	for (uint32_t done = 0; done < size; done++)
		at[done] = registers[done & 0xFF];
	if (greedy)
		return size + 1;
	hotswap_drq(line, 0);
	return size;
}

static uint32_t dma_write(uint32_t line, const void *from, uint32_t size, uint32_t terminal)
{
	const uint8_t *at = from;

	lines |= 16 << line;
	for (uint32_t done = 0; done < size; done++)
		registers[done & 0xFF] = at[done];
	ends += terminal ? 100 : 0;
	return size;
}

static void dma_end(uint32_t line)
{
	ends += 1 + line;
}

static void timer(uint32_t timer)
{
	ran += 1 + timer;
	hotswap_irq(0, 1);
}

static void input(void)
{
	echoed = hotswap_get(echo, sizeof(echo));
	hotswap_put(echo, echoed);
}

static void output(void)
{
	room_came++;
}

HOTSWAP_CARD("devices", "1.0", .cycle_width = 1, .timers = 1, .resources = places,
	     .resource_count = 1, .plugged = plugged, .read = read, .write = write,
	     .memory_read = memory_read, .memory_write = memory_write, .dma_read = dma_read,
	     .dma_write = dma_write, .dma_end = dma_end, .timer = timer, .input = input,
	     .output = output);
