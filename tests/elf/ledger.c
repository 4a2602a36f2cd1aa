/* A card for the tests with all kinds of state; -DBUILD=n makes other builds of it.
 * 1 as it is; 2 the same variables elsewhere; 3 one of another size, 4 likewise with migrate();
 * 5 one more variable; 6 a pointer to what has no name; 7 a migrate() that refuses, 8 that faults */
#include "hotswap_card.h"

#ifndef BUILD
#define BUILD 1
#endif

struct entry {
	uint32_t amount;
	struct entry *next;
};

static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 8}}, .irq_count = 1, .irqs = {5}},
};

#if BUILD == 2
static uint32_t (*how)(uint32_t);
#endif
#if BUILD == 5
uint32_t further;
#endif
#if BUILD == 3 || BUILD == 4 || BUILD == 7 || BUILD == 8
static uint64_t total;
#else
static uint32_t total;
#endif
static struct entry entries[4];
static struct entry *head, *end = entries;
#if BUILD != 2
static uint32_t (*how)(uint32_t);
#endif
static const char *said = "nothing";
static uint32_t *given;

#if BUILD == 2
static uint32_t thrice(uint32_t value)
{
	return 3 * value;
}
#endif
static uint32_t twice(uint32_t value)
{
	return 2 * value;
}
#if BUILD != 2
static uint32_t thrice(uint32_t value)
{
	return 3 * value;
}
#endif

static void power_on(void)
{
	how = twice;
	given = hotswap_alloc(64);
	hotswap_keep(7, given, 64);
	hotswap_timer(1, hotswap_now() + 1000000000);
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)width;
	switch (port & 7) {
	case 0:
		if (end == entries + 4)
			hotswap_fail("the ledger is full");
		end->amount = value;
		end->next = head;
		head = end++;
		total += value;
		break;
	case 1:
		how = value ? thrice : twice;
		break;
	case 2:
		given[value & 15]++;
		break;
	case 3:
#if BUILD == 6
		said = value ? "something" : "else";
#else
		said = "something";
#endif
		break;
	case 4:
		*given = (uint32_t)&total;
		break;
	}
}

static uint32_t read(uint32_t port, uint32_t width)
{
	(void)width;
	switch (port & 7) {
	case 0: {
		uint32_t sum = 0;
		for (struct entry *at = head; at; at = at->next)
			sum += at->amount;
		return sum;
	}
	case 1:
		return how(total);
	case 2:
		return given[3];
	case 3:
		return said[0];
	case 4:
		return end - entries;
	default:
		return total;
	}
}

static void timer(uint32_t timer)
{
	total += timer;
}

#if BUILD == 4
static int32_t migrate(uint32_t version, const void *old, uint32_t size)
{
	const struct hotswap_old *sum = hotswap_find_old(old, size, "total");
	const struct hotswap_old *block = hotswap_find_old(old, size, "block 7");

	if (version != 1 || !sum || sum->size != 4 || !block || block->size != 64)
		return -1;
	if (hotswap_find_old(old, size, "tota") || hotswap_find_old(old, size, "totals"))
		return -2;
	total = 1000 + *(const uint32_t *)sum->content;
	given[3] = ((const uint32_t *)block->content)[3];
	return 0;
}
#elif BUILD == 7
static int32_t migrate(uint32_t version, const void *old, uint32_t size)
{
	(void)version, (void)old, (void)size;
	total = 5;
	hotswap_irq(0, 1);
	return 77;
}
#elif BUILD == 8
static int32_t migrate(uint32_t version, const void *old, uint32_t size)
{
	return *(volatile int32_t *)(version + size + (uint32_t)old * 0);
}
#endif
#if BUILD == 4 || BUILD == 7 || BUILD == 8
#define MIGRATE migrate
#else
#define MIGRATE 0
#endif

HOTSWAP_CARD("ledger", "1.0", .resources = places, .resource_count = 1, .power_on = power_on,
	     .read = read, .write = write, .timer = timer, .timers = 2, .migrate = MIGRATE);
