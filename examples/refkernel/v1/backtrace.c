/* The way to where we are, by the frame pointers every function of this kernel keeps. */
#include "kernel.h"

extern const char kernel_stack[], kernel_stack_top[];

void backtrace(void)
{
    const uint32_t *frame = __builtin_frame_address(0); /* of the caller, its return address */

    while ((uint32_t)frame >= (uint32_t)kernel_stack && (uint32_t)frame < (uint32_t)kernel_stack_top
           && is_code(frame[1])) {
        const uint32_t *caller = (const uint32_t *)frame[0];
        print_code(frame[1], "");
        if (caller <= frame)
            return;
        frame = caller;
    }
}
