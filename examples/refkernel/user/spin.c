/* jmp . */
#include "lib.h"

const char name[] = "spin";

void run(void)
{
    for (;;)
        __asm__ volatile("");
}
