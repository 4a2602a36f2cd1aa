/*
 * Stands in for CPUClass.tlb_fill: keeps the software TLB write-xor-execute, by physical page.
 *
 * The engine sends a store down its slow path (33 ns) while the page's TLB entry can execute, for
 * the page may hold translated code; and an i386 has no way to say that a page cannot. So: a page
 * no instruction was fetched from gets entries that cannot execute, which the engine makes fast
 * after their first store. The first fetch marks the page as code, flushes the TLB, and with it
 * every fast entry of every alias; from then on stores to it go the slow way, which drops what was
 * translated from it.
 */
#include "thunks.h"

enum { TLB_INVALID = 1 << 11 };

u8 ENTRY(fill)(void *cs, u64 address, int size, int access, int mmu, int probe, u64 ra)
{
    struct tlb_entry *entry;
    u64 page;
    u8 ok;

    if (access == FETCH)
        P.last = 0;               /* the block before it has ended */
    ok = P.tlb_fill(cs, address, size, access, mmu, probe, ra);
    if (!ok)
        return ok;
    entry = (struct tlb_entry *)(P.tlb[mmu].table + ((address >> 12 << 6) & P.tlb[mmu].mask));
    page = entry->physical >> 12;
    if (page >= P.pages)          /* not RAM */
        return ok;
    if (access == FETCH) {
        u8 known = P.code_pages[page];

        P.code_pages[page] = 1;
        if (!known) {
            P.new_code_pages++;
            P.tlb_flush(cs);
            return P.tlb_fill(cs, address, size, access, mmu, probe, ra);
        }
    } else if (!P.code_pages[page]) {
        entry->code = ~0ul;
    } else if (entry->code == ~0ul) {
        /* A no-execute alias of a code page: never executable, yet slow to store to. */
        entry->code = (address & ~0xffful) | TLB_INVALID;
    }
    return ok;
}
