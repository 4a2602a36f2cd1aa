/* The way to where we are, as far as it can be told: this kernel keeps no frame pointers, so every
   word on the stack that could be the return address of a call is shown. Some are left over from
   calls that have returned. */
#include "kernel.h"

extern const char kernel_stack_top[];

/* Whether a CALL ends there: E8 with 4 bytes of displacement, or FF /2 of two or three bytes. */
static bool follows_call(uint32_t address)
{
    const uint8_t *at = (const uint8_t *)address;

    return is_code(address - 7) && is_code(address)
           && (at[-5] == 0xE8 || (at[-2] == 0xFF && (at[-1] & 0x38) == 0x10)
               || (at[-3] == 0xFF && (at[-2] & 0x38) == 0x10));
}

void backtrace(void)
{
    const uint32_t *word = __builtin_frame_address(0);

    for (; (uint32_t)word < (uint32_t)kernel_stack_top; word++)
        if (follows_call(*word))
            print_code(*word, " (perhaps)");
}
