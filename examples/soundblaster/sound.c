/* Sound: samples by DMA, at the rate of the time constant.
 *
 * A real DSP asks for each sample by itself. Here the timer runs out about once a millisecond, when
 * the samples since the last time have become due; DRQ is then up until the DMA controller has
 * delivered them. So the block ends, and the interrupt comes, at its exact instant; in between the
 * controller's count moves in steps of a millisecond.
 */
#include "dsp.h"

static uint32_t sample_ns(void)
{
	return (256u - dsp.time_constant) * 1000;
}

/* How many samples come next: a millisecond's worth, not past the block's end. */
static uint32_t chunk(void)
{
	uint32_t samples = CHUNK_NS / sample_ns();

	if (!samples)
		samples = 1;
	return samples < dsp.left ? samples : dsp.left;
}

void request_interrupt(void)
{
	dsp.interrupt = 1;
	hotswap_irq(0, 1);
}

void acknowledge(void)
{
	if (dsp.interrupt)
		hotswap_irq(0, 0);
	dsp.interrupt = 0;
}

/* Set the timer to the end of the next chunk, if one is to come. */
void schedule(void)
{
	uint64_t at = 0;

	if (dsp.mode != IDLE && !dsp.halted && !dsp.due)
		at = dsp.sounded_at + (uint64_t)chunk() * sample_ns();
	hotswap_timer(SOUNDING_TIMER, at);
}

void begin(enum mode mode, uint32_t samples)
{
	dsp.mode = mode;
	dsp.left = samples;
	dsp.due = 0;
	dsp.halted = dsp.leaving = 0;
	dsp.sounded_at = hotswap_now();
	hotswap_drq(0, 0);
	schedule();
}

void halt(void)
{
	dsp.halted = 1;
	dsp.due = 0;
	hotswap_drq(0, 0);
	schedule();
}

void go_on(void)
{
	if (!dsp.halted)
		return;
	dsp.halted = 0;
	dsp.sounded_at = hotswap_now();
	schedule();
}

/* So many samples are through. */
static void sounded(uint32_t samples)
{
	dsp.left -= samples;
	if (dsp.left)
		return;
	if (dsp.mode == AUTO && !dsp.leaving) {
		dsp.left = dsp.block + 1u;
	} else {
		dsp.mode = IDLE;
		dsp.high_speed = dsp.leaving = 0;
	}
	request_interrupt();
}

void timer(uint32_t which)
{
	uint32_t samples;

	if (which == RESET_TIMER) {
		dsp.reset_at = 0;
		dsp.waiting = 0;
		reply(READY);
		return;
	}
	if (dsp.mode == IDLE || dsp.halted)
		return;
	samples = chunk();
	dsp.sounded_at += (uint64_t)samples * sample_ns();
	if (dsp.mode == SILENT) {
		sounded(samples);
		schedule();
	} else {
		dsp.due = samples;
		hotswap_drq(0, 1);
	}
}

/* Samples from memory, as many as are due. */
uint32_t dma_write(uint32_t line, const void *from, uint32_t size, uint32_t terminal)
{
	static const uint8_t silence[64] = {[0 ... 63] = MIDDLE};
	uint32_t taken = size < dsp.due ? size : dsp.due, rest, some;
	uint64_t now;

	(void)line;
	(void)terminal; /* the DSP counts for itself, and does not hear TC */
	if (!taken)
		return 0;
	if (dsp.speaker)
		hotswap_put(from, taken);
	for (rest = dsp.speaker ? 0 : taken; rest; rest -= some) {
		some = rest < sizeof(silence) ? rest : sizeof(silence);
		hotswap_put(silence, some);
	}
	dsp.due -= taken;
	if (!dsp.due) {
		hotswap_drq(0, 0);
		now = hotswap_now();
		if (now > dsp.sounded_at + CHUNK_NS)
			dsp.sounded_at = now; /* the controller was late: nothing is made up for */
	}
	sounded(taken);
	if (!dsp.due)
		schedule();
	return taken;
}
