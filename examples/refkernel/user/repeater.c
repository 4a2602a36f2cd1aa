/* Hardly anything but one long string instruction: repeater [1: movsb, 2: stosd, 3: cmpsb] [ROUNDS]. */
#include "lib.h"

const char name[] = "repeater";

enum { MOVSB = 1, STOSD, CMPSB, SIZE = 1024 * 1024, FILL = 0x600DF111 };

/* All end where their counters are used up, or the bytes differ. */
static void ends(const u8 *esi, const u8 *esi_end, const u8 *edi, const u8 *edi_end, u32 ecx)
{
    check(ecx == 0, "ecx is %u", ecx);
    check(esi == esi_end, "esi is %x, not %x", (u32)esi, (u32)esi_end);
    check(edi == edi_end, "edi is %x, not %x", (u32)edi, (u32)edi_end);
}

static void move(const u8 *from, u8 *to, u32 bytes)
{
    const u8 *esi = from;
    u8 *edi = to;
    u32 ecx = bytes;

    __asm__ volatile("cld; rep movsb" : "+S"(esi), "+D"(edi), "+c"(ecx) : : "memory", "cc");
    ends(esi, from + bytes, edi, to + bytes, ecx);
}

static void fill(u8 *to, u32 words)
{
    u8 *edi = to;
    u32 ecx = words;

    __asm__ volatile("cld; rep stosl" : "+D"(edi), "+c"(ecx) : "a"(FILL) : "memory", "cc");
    ends(0, 0, edi, to + 4 * words, ecx);
}

static void compare(const u8 *a, const u8 *b, u32 bytes)
{
    const u8 *esi = a, *edi = b;
    u32 ecx = bytes;
    u8 equal;

    __asm__ volatile("cld; repe cmpsb; sete %3"
                     : "+S"(esi), "+D"(edi), "+c"(ecx), "=q"(equal) : : "memory", "cc");
    check(equal, "bytes differ before %x", (u32)esi);
    ends(esi, a + bytes, edi, b + bytes, ecx);
}

void run(void)
{
    u32 what = argument(1, MOVSB), round, rounds = argument(2, 8);
    u32 bytes = SIZE, i;
    u8 *from = map_pages(bytes, PROT_READ | PROT_WRITE);
    u8 *to = map_pages(bytes, PROT_READ | PROT_WRITE);

    for (i = 0; i < bytes; i += 4096)
        *(u32 *)(from + i) = *(u32 *)(to + i) = i * 0x9E3779B1 + 1;
    print("repeater begins\n");
    for (round = 0; round < rounds; round++) {
        if (what == MOVSB)
            move(from, to, bytes);
        else if (what == STOSD)
            fill(to, bytes / 4);
        else
            compare(from, to, bytes);
    }
    for (i = 0; what != STOSD && i < bytes; i += 4096)
        if (*(u32 *)(to + i) != i * 0x9E3779B1 + 1)
            check(0, "page %u is another", i / 4096);
    for (i = 0; what == STOSD && i < bytes; i += 4)
        if (*(u32 *)(to + i) != FILL)
            check(0, "word %u is not filled", i / 4);
}
