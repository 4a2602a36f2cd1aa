/* The modem lines: a terminal that is there and ready, or the loop. */
#include "uart.h"

/* The high half of the MSR. */
uint32_t modem_lines(void)
{
	if (!(uart.mcr & LOOP))
		return CTS | DSR | DCD;
	return (uart.mcr & RTS ? CTS : 0) | (uart.mcr & DTR ? DSR : 0) |
	       (uart.mcr & OUT1 ? RI : 0) | (uart.mcr & OUT2 ? DCD : 0);
}

/* MCR */
void modem_control(uint32_t value)
{
	uint32_t before = modem_lines(), after, changed;

	uart.mcr = value & 0x1F;
	after = modem_lines();
	changed = before ^ after;
	uart.deltas |= changed >> 4 & (DCTS | DDSR | DDCD);
	if (changed & RI && !(after & RI))
		uart.deltas |= TERI;
	if (!(value & LOOP))
		make_room();
}
