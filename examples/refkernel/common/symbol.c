/* Names for addresses of the kernel's code: a table of its functions that the Makefile makes of the
   kernel linked without it (kernel.ld: it stands behind all code, which does not move). */
#include "kernel.h"

struct symbol { uint32_t address; const char *name; };
extern const struct symbol symbols[], symbols_end[];
extern const char text_start[], text_end[];

bool is_code(uint32_t address)
{
    return address >= (uint32_t)text_start && address < (uint32_t)text_end;
}

/* One line of a backtrace: where a call returns to, which is behind the end of its function when it
   never does. mark: what is to be said of it besides. */
void print_code(uint32_t address, const char *mark)
{
    const struct symbol *found = 0;

    for (const struct symbol *at = symbols; at < symbols_end && at->address < address; at++)
        found = at;
    if (found)
        print("  %08x %s+0x%x%s\n", address, found->name, address - found->address, mark);
    else
        print("  %08x%s\n", address, mark);
}
