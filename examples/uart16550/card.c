/* What the card is: where its jumpers may be, its state by name, and its functions.
 *
 * COM1 to COM4: the first base address that is free is taken. Two cards of an ISA bus cannot share
 * a line, so COM3 and COM4 are on lines of their own.
 */
#include "uart.h"

struct uart uart;

static const struct hotswap_resources places[] = {
	{.ports = {{0x3F8, 8}}, .irq_count = 1, .irqs = {4}},
	{.ports = {{0x2F8, 8}}, .irq_count = 1, .irqs = {3}},
	{.ports = {{0x3E8, 8}}, .irq_count = 1, .irqs = {5}},
	{.ports = {{0x2E8, 8}}, .irq_count = 1, .irqs = {11}},
};

#define BYTE(field) {#field, &uart.field, HOTSWAP_UNSIGNED, 1, 0, 0}
#define FLAG(field) {#field, &uart.field, HOTSWAP_BOOL, 1, 0, 0}

static const struct hotswap_field fields[] = {
	BYTE(ier), BYTE(fcr), BYTE(lcr), BYTE(mcr), BYTE(scr),
	{"divisor", &uart.divisor, HOTSWAP_UNSIGNED, 2, 0, 0},
	{"fifo", uart.fifo, HOTSWAP_BYTES, FIFO, 0, &uart.received},
	FLAG(overrun), FLAG(thre), FLAG(thr_interrupt), FLAG(timed_out),
	{"time_out_at", &uart.time_out_at, HOTSWAP_OPTIONAL, 8, 0, &uart.timing_out},
	BYTE(deltas),
};

static void power_on(void)
{
	static const struct uart after_reset = {.divisor = 12, .thre = 1}; /* 9600 baud */

	uart = after_reset;
	line_unknown();
	look_outside();
}

/* Another one's state is in place: the timer is set anew, and what waits outside is looked at. */
static void restored(void)
{
	line_unknown();
	look_outside();
	hotswap_timer(0, uart.timing_out ? uart.time_out_at : 0);
	interrupt();
	if (!uart.thre && hotswap_room())
		output();
}

static uint32_t read(uint32_t port, uint32_t width)
{
	uint32_t reg = port & 7, status;

	(void)width; /* an 8-bit card */
	if (uart.lcr & DLAB && reg <= IER)
		return uart.divisor >> 8 * reg & 0xFF;
	switch (reg) {
	case RBR:
		return receive();
	case IER:
		return uart.ier;
	case IIR:
		return identify();
	case LCR:
		return uart.lcr;
	case MCR:
		return uart.mcr;
	case LSR:
		status = (uart.thre ? THRE | TEMT : 0) | (uart.received ? DR : 0);
		if (uart.overrun) {
			status |= OE;
			uart.overrun = 0;
			interrupt();
		}
		return status;
	case MSR:
		status = modem_lines() | uart.deltas;
		uart.deltas = 0;
		interrupt();
		return status;
	default:
		return uart.scr;
	}
}

static void write(uint32_t port, uint32_t width, uint32_t value)
{
	uint32_t reg = port & 7, shift = 8 * reg;

	(void)width;
	if (uart.lcr & DLAB && reg <= IER) {
		uart.divisor = (uart.divisor & ~(0xFF << shift)) | value << shift;
		return;
	}
	switch (reg) {
	case THR:
		send(value);
		break;
	case IER:
		if (value & ETBEI && !(uart.ier & ETBEI))
			uart.thr_interrupt = uart.thre;
		uart.ier = value & 0x0F;
		break;
	case FCR:
		fifo_control(value);
		break;
	case LCR:
		uart.lcr = value;
		break;
	case MCR:
		modem_control(value);
		break;
	case SCR:
		uart.scr = value;
		break;
	default: /* LSR and MSR: writing is for factory testing */
		break;
	}
	interrupt();
}

HOTSWAP_CARD("uart", "1.0",
	.state_version = 1,
	.policy = HOTSWAP_CARRY,
	.timers = 1,
	.resources = places, .resource_count = HOTSWAP_COUNT(places),
	.fields = fields, .field_count = HOTSWAP_COUNT(fields),
	.power_on = power_on,
	.restored = restored,
	.read = read,
	.write = write,
	.timer = timer,
	.input = input,
	.output = output);
