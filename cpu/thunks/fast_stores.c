/*
 * Stands in for CPUClass.tlb_fill: keeps the software TLB write-xor-execute, by physical page.
 *
 * The engine sends a store down its slow path (33 ns) while the page's TLB entry can execute, for
 * the page may hold translated code; and an i386 has no way to say that a page cannot. So: a page
 * no instruction was fetched from gets entries that cannot execute, which the engine makes fast
 * after their first store. The first fetch marks the page as code, flushes the TLB, and with it
 * every fast entry of every alias; from then on stores to it go the slow way, which drops what was
 * translated from it.
 *
 * A TLB entry marked invalid is used once, by the access it was made for. That is how every access
 * is seen here, with its size, to a page that holds a data breakpoint (DR0-3), and of ring 3 while
 * alignment is checked (#AC). With neither in use nothing is marked.
 *
 * The write guard uses the same mark: every store to a page with guarded bytes is seen. The first to
 * hit one is noted and carried out, and the engine stops behind its instruction.
 */
#include "thunks.h"

enum { TLB_INVALID = 1 << 11, PAGE_MASK = ~0xfff, MMU_USER = 1, WATCH_WRITES = 1, WATCH_ALL = 3 };

static void see_every_access(struct tlb_entry *entry)
{
    if (entry->read != ~0ul)
        entry->read |= TLB_INVALID;
    if (entry->write != ~0ul)
        entry->write |= TLB_INVALID;
}

/* Which data breakpoints, as in DR6, an access hits. */
static u64 hits(struct tlb_entry *entry, u32 address, u32 size, int access)
{
    u64 found = 0;
    u32 i;

    for (i = 0; i < 4; i++) {
        u32 kind = P.dr[7] >> (16 + 4 * i) & 3, last = P.dr[7] >> (18 + 4 * i) & 3;
        u32 start = (u32)P.dr[i] & ~last;

        if (!(P.dr[7] >> 2 * i & 3) || (kind != WATCH_WRITES && kind != WATCH_ALL))
            continue;
        if (!((start ^ address) & PAGE_MASK))
            see_every_access(entry);
        if (address <= start + last && start < address + size &&
            (access == STORE || kind == WATCH_ALL))
            found |= 1 << i;
    }
    return found;
}

/* Report data breakpoints behind the instruction: alone in a block it comes again. */
static void watch(u64 found, u64 ra)
{
    if (P.last && P.last->icount > 1) {
        *P.cflags_next_tb = 1;
        *P.exception_index = -1;
        P.restart(P.cs, ra);
    }
    P.watched |= found;
    *P.interrupt_request |= CPU_INTERRUPT_DEBUG;
    ((volatile u16 *)P.icount_decr)[1] = 0xffff;
}

/* Look at an access, and at the entry made for it. */
static void look(struct tlb_entry *entry, u32 address, u32 size, int access, int mmu, u64 ra)
{
    u64 found;

    if (mmu == MMU_USER) {
        if (!P.aligned || !(*P.eflags & EFLAGS_AC) || !(*P.cr0 & CR0_AM)) {
            P.aligned = 0;
        } else {
            see_every_access(entry);
            if (access != FETCH && (size == 2 || size == 4 || size == 8) && (address & (size - 1)))
                P.raise_exception_at(P.env, EXCP_AC, ra);
        }
    }
    if ((P.dr[7] & DR7_ENABLED) && (found = hits(entry, address, size, access)) && access != FETCH)
        watch(found, ra);
}

static struct tlb_entry *entry_of(u64 address, int mmu)
{
    return (struct tlb_entry *)(P.tlb[mmu].table + ((address >> 12 << 6) & P.tlb[mmu].mask));
}

static u8 translate_address(void *cs, u64 address, int size, int access, int mmu, int probe, u64 ra)
{
    struct tlb_entry *entry;
    u64 page;
    u8 ok;

    P.access = access;
    if (access == FETCH)
        P.last = 0;               /* the block before it has ended */
    ok = P.tlb_fill(cs, address, size, access, mmu, probe, ra);
    if (!ok)
        return ok;
    entry = entry_of(address, mmu);
    page = entry->physical >> 12;
    if (access != FETCH && !probe)
        look(entry, address, size, access, mmu, ra);
    if (page >= P.pages)          /* not RAM */
        return ok;
    if (access == FETCH) {
        u8 known = P.code_pages[page];

        P.code_pages[page] = 1;
        if (!known) {
            P.new_code_pages++;
            P.tlb_flush(cs);
            ok = P.tlb_fill(cs, address, size, access, mmu, probe, ra);
            entry = entry_of(address, mmu);
        }
        if (ok)
            look(entry, address, size, access, mmu, ra);
    } else if (!P.code_pages[page]) {
        entry->code = ~0ul;
    } else if (entry->code == ~0ul) {
        /* A no-execute alias of a code page: never executable, yet slow to store to. */
        entry->code = (address & ~0xffful) | TLB_INVALID;
    }
    return ok;
}

/* Note the first store to a guarded byte. Without `ra` it is of a delivery, and EIP is up to date. */
static void note(u32 address, u32 physical, u32 size, u64 ra)
{
    if (ra && P.last && P.last->icount > 1) { /* alone in a block it comes again */
        *P.cflags_next_tb = 1;
        *P.exception_index = -1;
        P.restart(P.cs, ra);
    }
    P.stray = 1;
    P.stray_eip = ra && P.last ? (u32)(P.last->pc - P.last->cs_base) : *P.eip;
    P.stray_address = address;
    P.stray_physical = physical;
    P.stray_size = size;
    P.limit = P.fence = 0;
    ((volatile u16 *)P.icount_decr)[1] = 0xffff;
}

/*
 * An unaligned store the engine looks up by its end as well, as if it reached into the next page: from
 * the page's first byte. That is no store when the end is in the same page.
 */
static int is_end_of_last(u32 address, u32 size, u64 ra)
{
    u64 begin = P.store_begin, end = P.store_end, same = ra == P.store_ra;

    P.store_begin = address;
    P.store_end = address + size;
    P.store_ra = ra;
    return same && end == address + size && address < begin && !(address & ~PAGE_MASK) &&
           !((address ^ begin) & PAGE_MASK);
}

u8 ENTRY(fill)(void *cs, u64 address, int size, int access, int mmu, int probe, u64 ra)
{
    u8 ok = translate_address(cs, address, size, access, mmu, probe, ra);
    struct tlb_entry *entry = entry_of(address, mmu);
    u32 offset = address & ~PAGE_MASK, left = 0x1000 - offset, bytes;
    u64 page = entry->physical >> 12;

    if (!ok || !P.guarded || page >= P.guarded_pages || !(bytes = P.guarded[page]))
        return ok;
    if (entry->write != ~0ul)
        entry->write |= TLB_INVALID; /* whatever access it was made for, each store is seen */
    if (access == STORE && !probe && !is_end_of_last(address, size, ra) && offset < bytes && !P.stray)
        note(address, page << 12 | offset, (u32)size < left ? (u32)size : left, ra);
    return ok;
}
