/* The receiver: its FIFO, its trigger level and the time-out.
 *
 * What comes from outside waits there until the FIFO has room, so there is no overrun but in loop
 * mode. The line settings say only how long a character takes.
 */
#include "uart.h"

static uint32_t waiting = 1; /* something may wait outside */
static uint32_t blocked;     /* there was no room for it, and make_room() has not come since */

static uint32_t capacity(void)
{
	return uart.fcr & FIFO_ENABLE ? FIFO : 1;
}

/* So many bytes ask for an interrupt. */
uint32_t trigger(void)
{
	static const uint8_t levels[] = {1, 4, 8, 14};

	return uart.fcr & FIFO_ENABLE ? levels[uart.fcr >> 6] : 1;
}

/* Time of one character on the line, in ns. */
static uint64_t character(void)
{
	uint32_t bits = 7 + (uart.lcr & WLS) + !!(uart.lcr & STB) + !!(uart.lcr & PEN);
	uint32_t divisor = uart.divisor ? uart.divisor : 0x10000;

	return (uint64_t)(bits * 16 * divisor) * 1000000000u / INPUT_HZ;
}

/* The FIFO was read or written: the time-out starts anew. */
static void touched(void)
{
	uint32_t was = uart.timing_out;

	uart.timed_out = 0;
	uart.timing_out = uart.fcr & FIFO_ENABLE && uart.received && uart.received < trigger();
	uart.time_out_at = uart.timing_out ? hotswap_now() + 4 * character() : 0;
	if (uart.timing_out || was)
		hotswap_timer(0, uart.time_out_at);
}

void timer(uint32_t timer)
{
	(void)timer; /* there is but one */
	if (!uart.timing_out)
		return;
	uart.timed_out = 1;
	uart.timing_out = 0;
	uart.time_out_at = 0;
	interrupt();
}

/* Take what waits outside, as far as there is room. */
static void refill(void)
{
	uint32_t room = uart.mcr & LOOP ? 0 : capacity() - uart.received, taken;

	if (blocked || !waiting)
		return;
	taken = room ? hotswap_get(uart.fifo + uart.received, room) : 0;
	blocked = taken == room;
	waiting = blocked;
	if (taken) {
		uart.received += taken;
		touched();
		interrupt();
	}
}

/* The FIFO has been emptied below its trigger level, or another one is in use. */
void make_room(void)
{
	blocked = 0;
	refill();
}

/* A new beginning: look at what is outside. */
void look_outside(void)
{
	waiting = 1;
	blocked = 0;
}

/* The board's call: something waits outside. */
void input(void)
{
	waiting = 1;
	refill();
}

/* RBR */
uint32_t receive(void)
{
	uint32_t value = 0, at;

	if (uart.received) {
		value = uart.fifo[0];
		uart.received--;
		for (at = 0; at < uart.received; at++)
			uart.fifo[at] = uart.fifo[at + 1];
	}
	touched();
	interrupt();
	if (uart.received < trigger())
		make_room();
	return value;
}

/* A byte that was sent in loop mode. */
void loop_back(uint32_t value)
{
	if (uart.received < capacity()) {
		uart.fifo[uart.received++] = value;
	} else { /* the FIFO keeps what it has; without one the new byte takes the old one's place */
		uart.overrun = 1;
		if (!(uart.fcr & FIFO_ENABLE))
			uart.fifo[0] = value;
	}
	touched();
}

/* FCR */
void fifo_control(uint32_t value)
{
	if ((value ^ uart.fcr) & FIFO_ENABLE || value & CLEAR_RECEIVER)
		uart.received = 0;
	if (value & FIFO_ENABLE)
		uart.fcr = value & (FIFO_ENABLE | DMA_MODE | TRIGGER);
	else /* the other bits are programmed only while this one is being set */
		uart.fcr &= ~FIFO_ENABLE;
	touched();
	make_room();
}
