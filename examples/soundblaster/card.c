/* Sound Blaster 2.0: its jumpers, its state by name, its ports.
 *
 * 8-bit sound out by DMA or byte by byte leaves by the back end as raw PCM: unsigned, mono, at the
 * rate the time constant says. Recording, MIDI, ADPCM, the FM chip and the mixer are not there; the
 * ports of the latter two float.
 */
#include "dsp.h"

struct dsp dsp;

/* Line 0 of each kind: that is what hotswap_irq and hotswap_drq are called with. */
static const struct hotswap_resources places[] = {
	{.ports = {{0x226, 1}, {0x22A, 1}, {0x22C, 1}, {0x22E, 1}},
	 .irq_count = 1, .irqs = {5}, .drq_count = 1, .drqs = {1}},
	{.ports = {{0x226, 1}, {0x22A, 1}, {0x22C, 1}, {0x22E, 1}},
	 .irq_count = 1, .irqs = {7}, .drq_count = 1, .drqs = {1}},
	{.ports = {{0x246, 1}, {0x24A, 1}, {0x24C, 1}, {0x24E, 1}},
	 .irq_count = 1, .irqs = {10}, .drq_count = 1, .drqs = {3}},
};

#define NUMBER(field) {#field, &dsp.field, HOTSWAP_UNSIGNED, sizeof(dsp.field), 0, 0}

static const struct hotswap_field fields[] = {
	NUMBER(reset), NUMBER(command), NUMBER(wanted),
	{"bytes", dsp.bytes, HOTSWAP_BYTES, sizeof(dsp.bytes), 0, &dsp.given},
	{"replies", dsp.replies, HOTSWAP_BYTES, REPLIES, 0, &dsp.waiting},
	NUMBER(test), NUMBER(speaker), NUMBER(time_constant), NUMBER(high_speed), NUMBER(block),
	NUMBER(mode), NUMBER(halted), NUMBER(leaving), NUMBER(interrupt), NUMBER(left), NUMBER(due),
	NUMBER(sounded_at), NUMBER(reset_at),
};

static void power_on(void)
{
	static const struct dsp after_reset = {.time_constant = 0x83}; /* 8 kHz */

	dsp = after_reset;
}

/* A saved state is in place: the timers go on from its deadlines. */
static void restored(void)
{
	hotswap_timer(RESET_TIMER, dsp.reset_at);
	schedule();
}

static uint32_t read(uint32_t port, uint32_t width)
{
	uint32_t value, at;

	(void)width; /* an 8-bit card */
	switch (port & 0xF) {
	case READ_DATA:
		value = dsp.replies[0];
		if (dsp.waiting) {
			dsp.waiting--; /* the last one stays, to be read again */
			for (at = 0; at < dsp.waiting; at++)
				dsp.replies[at] = dsp.replies[at + 1];
		}
		return value;
	case WRITE:
		return dsp.reset_at || dsp.reset || dsp.high_speed ? 0xFF : 0x7F;
	case DATA_AVAILABLE:
		acknowledge();
		return dsp.waiting ? 0xFF : 0x7F;
	default:
		return 0xFF; /* RESET is written only */
	}
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	(void)width;
	if ((port & 0xF) == RESET) {
		if (dsp.reset && !(value & 1)) {
			halt();
			acknowledge();
			power_on();
			dsp.reset_at = hotswap_now() + RESET_NS;
			hotswap_timer(RESET_TIMER, dsp.reset_at);
		}
		dsp.reset = value & 1;
	} else if ((port & 0xF) == WRITE && !dsp.reset_at && !dsp.reset && !dsp.high_speed) {
		command_byte(value);
	}
}

HOTSWAP_CARD("soundblaster", "1.0",
	.state_version = 1,
	.policy = HOTSWAP_REINITIALISE, /* a new kernel finds it as after power-on */
	.timers = TIMERS,
	.resources = places, .resource_count = HOTSWAP_COUNT(places),
	.fields = fields, .field_count = HOTSWAP_COUNT(fields),
	.power_on = power_on,
	.restored = restored,
	.read = read,
	.write = write,
	.timer = timer,
	.dma_write = dma_write);
