/* What `hotswap-host prove elf` begins with: a card with something of everything. */
#include "hotswap_card.h"

static uint32_t level = 5, quiet, chosen;
static char title[16] = "sample";
static uint8_t queue[32];
static uint32_t queued;
static uint64_t due;
static uint32_t is_due;
struct entry {
	uint32_t amount;
	struct entry *next;
	union {
		void *pointer;
		uint32_t number;
	} either;
	uint32_t few : 3, many : 29;
};
static struct entry entries[4], *last = entries;
int shared[4];
extern int absent __attribute__((weak));
static const char *said = "nothing";
static uint32_t (*how)(uint32_t);

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 8}, {0x310, 2}},
	 .windows = {{0xE0000000, 0x10000}},
	 .irq_count = 2,
	 .irqs = {5, 7},
	 .drq_count = 1,
	 .drqs = {1}},
	{.ports = {{0x340, 8}, {0x350, 2}},
	 .windows = {{0xE1000000, 0x10000}},
	 .irq_count = 2,
	 .irqs = {10, 11},
	 .drq_count = 1,
	 .drqs = {3}},
};
static const struct hotswap_setting settings[] = {
	{"level", "what it begins with", &level, HOTSWAP_NUMBER, 1, 9},
	{"quiet", "say nothing", &quiet, HOTSWAP_FLAG, 0, 0},
	{"title", "what it is called", title, HOTSWAP_TEXT, 0, sizeof(title)},
};
static const struct hotswap_field fields[] = {
	{"chosen", &chosen, HOTSWAP_UNSIGNED, 4, 0, 0},
	{"queue", queue, HOTSWAP_BYTES, sizeof(queue), 0, &queued},
	{"due", &due, HOTSWAP_OPTIONAL, 8, 0, &is_due},
	{"shared", shared, HOTSWAP_LIST, sizeof(shared), sizeof(shared[0]), 0},
};

__attribute__((constructor)) static void before(void)
{
	shared[1] = 2;
}

static uint32_t twice(uint32_t value)
{
	return 2 * value;
}

static void power_on(void)
{
	how = twice;
	last->either.pointer = hotswap_alloc(128);
	hotswap_keep(1, last->either.pointer, 128);
}

static void plugged(uint32_t alternative)
{
	chosen = alternative;
	hotswap_map_ram(places[alternative].windows[0].first, 0x1000);
}

static uint32_t read(uint32_t port, uint32_t width)
{
	if (&absent)
		return absent;
	hotswap_irq(port & 1, 0);
	return how(level) + width + hotswap_now() / 1000;
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)width;
	if (queued < sizeof(queue))
		queue[queued++] = value;
	last->amount += shared[port & 3]++;
	hotswap_timer(0, hotswap_now() + 1000);
	hotswap_post(value, port);
}

static void work(uint32_t what, uint32_t argument)
{
	if (what == 3)
		said = "something";
	if (!quiet)
		hotswap_log(6, said);
	hotswap_put(queue, argument & 31);
}

static void timer(uint32_t timer)
{
	hotswap_irq(timer, 1);
}

static uint32_t dma_read(uint32_t line, void *to, uint32_t size)
{
	(void)line;
	return hotswap_get(to, size);
}

HOTSWAP_CARD("sample", "1.0", .state_version = 2, .cycle_width = 2, .timers = 2, .resources = places,
	     .resource_count = HOTSWAP_COUNT(places), .settings = settings,
	     .setting_count = HOTSWAP_COUNT(settings), .fields = fields,
	     .field_count = HOTSWAP_COUNT(fields), .power_on = power_on, .plugged = plugged, .read = read,
	     .write = write, .work = work, .timer = timer, .dma_read = dma_read);
