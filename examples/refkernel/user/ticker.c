/* Numbered lines on the console, each with the CRC-32 of all before and its own start: ticker
   [LINES] [MS]. A lost, doubled or changed byte shows at the other end; only the writer is here. */
#include "lib.h"

const char name[] = "ticker";

void run(void)
{
    char line[64];
    u32 i, n, crc = 0, lines = argument(1, 50), ms = argument(2, 0);

    for (i = 1; i <= lines; i++) {
        n = format(line, sizeof line, "tick %06u of %06u ", i, lines);
        crc = crc32(crc, line, n);
        n += format(line + n, sizeof line - n, "%08x\n", crc);
        check(write_all(1, line, n) == n, "write of line %u is cut", i);
        if (ms)
            sleep_ms(ms);
    }
}
