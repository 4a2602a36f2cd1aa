/* The interrupt: which source is the most urgent, and whether it reaches the bus. */
#include "uart.h"

#define UNKNOWN 2

static uint32_t line = UNKNOWN; /* the level last driven: asking the board again is dear */

static uint32_t pending(void)
{
	if (uart.ier & ELSI && uart.overrun)
		return LINE_STATUS;
	if (uart.ier & ERBFI) {
		if (uart.received >= trigger())
			return RECEIVED_DATA;
		if (uart.timed_out)
			return TIME_OUT;
	}
	if (uart.ier & ETBEI && uart.thr_interrupt)
		return THR_EMPTY;
	if (uart.ier & EDSSI && uart.deltas)
		return MODEM_STATUS;
	return NONE;
}

/* INTR reaches the line through OUT2, which loop mode holds inactive. */
void interrupt(void)
{
	uint32_t level = (uart.mcr & (OUT2 | LOOP)) == OUT2 && pending() != NONE;

	if (level != line) {
		line = level;
		hotswap_irq(0, level);
	}
}

/* Somebody else may have driven it: say it next time, whatever it is. */
void line_unknown(void)
{
	line = UNKNOWN;
}

/* IIR; reading it answers THR_EMPTY. */
uint32_t identify(void)
{
	uint32_t source = pending();

	if (source == THR_EMPTY) {
		uart.thr_interrupt = 0;
		interrupt();
	}
	return source | (uart.fcr & FIFO_ENABLE ? 0xC0 : 0);
}
