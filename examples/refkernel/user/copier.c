/* One REP MOVSB over many pages that are not there yet: copier [ROUNDS]. */
#include "lib.h"

const char name[] = "copier";

enum { SIZE = 600 * 1024 };

void run(void)
{
    u8 *from = map_pages(SIZE, PROT_READ | PROT_WRITE), *to;
    u32 i, round, rounds = argument(1, 8), crc;

    for (i = 0; i < SIZE; i += 4)
        *(u32 *)(from + i) = i * 0x9E3779B1;
    crc = crc32(0, from, 65536);
    for (round = 0; round < rounds; round++) {
        to = map_pages(SIZE, PROT_READ | PROT_WRITE);
        memcpy(to, from, SIZE);
        for (i = 0; i < SIZE; i += 4)
            if (*(u32 *)(to + i) != i * 0x9E3779B1)
                check(0, "byte %u of round %u is wrong", i, round);
        check(crc32(0, to, 65536) == crc, "the copy has another checksum");
        check(munmap(to, SIZE) == 0, "munmap");
    }
    munmap(from, SIZE);
}
