/* The DSP's command interpreter: a command, the bytes it wants, what it answers. */
#include "dsp.h"

/* Something for READ_DATA; what nobody fetched is lost when there is too much. */
void reply(uint8_t value)
{
	if (dsp.waiting < REPLIES)
		dsp.replies[dsp.waiting++] = value;
}

/* How many bytes a command wants. */
static uint8_t wants(uint8_t command)
{
	switch (command) {
	case DIRECT_DAC:
	case SET_TIME_CONSTANT:
	case IDENTIFY:
	case WRITE_TEST:
		return 1;
	case DMA_SINGLE:
	case SET_BLOCK_SIZE:
	case SILENCE:
		return 2;
	default:
		return 0;
	}
}

static void carry_out(uint8_t command)
{
	uint8_t byte = dsp.bytes[0];
	uint16_t word = dsp.bytes[0] | dsp.bytes[1] << 8;

	switch (command) {
	case DIRECT_DAC:
		hotswap_put(&byte, 1);
		break;
	case DMA_SINGLE:
		begin(SINGLE, word + 1u);
		break;
	case DMA_AUTO_HIGH_SPEED:
		dsp.high_speed = 1;
		/* fall through */
	case DMA_AUTO:
		begin(AUTO, dsp.block + 1u);
		break;
	case DMA_SINGLE_HIGH_SPEED:
		dsp.high_speed = 1;
		begin(SINGLE, dsp.block + 1u);
		break;
	case SET_TIME_CONSTANT:
		dsp.time_constant = byte;
		break;
	case SET_BLOCK_SIZE:
		dsp.block = word;
		break;
	case SILENCE:
		begin(SILENT, word + 1u);
		break;
	case HALT_DMA:
		halt();
		break;
	case CONTINUE_DMA:
		go_on();
		break;
	case EXIT_AUTO:
		dsp.leaving = dsp.mode == AUTO;
		break;
	case SPEAKER_ON:
	case SPEAKER_OFF:
		dsp.speaker = command == SPEAKER_ON;
		break;
	case SPEAKER_STATUS:
		reply(dsp.speaker ? 0xFF : 0);
		break;
	case IDENTIFY:
		reply(~byte);
		break;
	case VERSION:
		reply(MAJOR);
		reply(MINOR);
		break;
	case WRITE_TEST:
		dsp.test = byte;
		break;
	case READ_TEST:
		reply(dsp.test);
		break;
	case REQUEST_INTERRUPT:
		request_interrupt();
		break;
	default: /* one of those that are not there: no bytes, no answer */
		hotswap_log(7, "a DSP command this card has not");
		break;
	}
}

/* A byte written to the DSP. */
void command_byte(uint8_t value)
{
	if (dsp.wanted) {
		dsp.bytes[dsp.given++] = value;
		dsp.wanted--;
	} else {
		dsp.command = value;
		dsp.given = 0;
		dsp.wanted = wants(value);
	}
	if (!dsp.wanted) {
		value = dsp.command;
		dsp.command = 0;
		carry_out(value);
		dsp.given = 0;
	}
}
