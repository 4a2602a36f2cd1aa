/* The transmitter: bytes leave at once, so it is empty again unless the back end is behind. */
#include "uart.h"

#define ENOUGH 256u /* bytes after which the board is asked again how much room there is */

static uint32_t room; /* so much was said to be there, less what was sent since */

/* THR */
void send(uint32_t value)
{
	uint8_t byte = value;

	uart.thr_interrupt = 0;
	interrupt(); /* the next one is an edge of its own */
	if (uart.mcr & LOOP) {
		loop_back(value);
		uart.thr_interrupt = uart.thre;
		return;
	}
	hotswap_put(&byte, 1);
	if (room)
		room--;
	if (!room) {
		room = hotswap_room();
		if (room > ENOUGH)
			room = ENOUGH;
	}
	if (room)
		uart.thr_interrupt = uart.thre;
	else
		uart.thre = 0; /* until output() */
}

/* The board's call: the back end has caught up. */
void output(void)
{
	if (uart.thre)
		return;
	uart.thre = uart.thr_interrupt = 1;
	interrupt();
}
