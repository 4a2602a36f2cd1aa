#include "crc32.h"

enum { POLYNOMIAL = (int)0xEDB88320 }; /* reflected */

/* slice[k][b]: byte b with k zero bytes after it; four bytes a turn cost 14 instructions instead of
   24 */
static uint32_t slice[4][256];

void crc32_prepare(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? (uint32_t)POLYNOMIAL : 0);
        slice[0][byte] = crc;
    }
    for (int k = 1; k < 4; k++)
        for (uint32_t byte = 0; byte < 256; byte++)
            slice[k][byte] = slice[k - 1][byte] >> 8 ^ slice[0][slice[k - 1][byte] & 0xFF];
}

uint32_t crc32(uint32_t crc, const uint8_t *from, uint32_t size)
{
    crc = ~crc;
    for (; size >= 4; size -= 4, from += 4) {
        crc ^= from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
        crc = slice[3][crc & 0xFF] ^ slice[2][crc >> 8 & 0xFF] ^ slice[1][crc >> 16 & 0xFF] ^
              slice[0][crc >> 24];
    }
    for (; size; size--)
        crc = crc >> 8 ^ slice[0][(crc ^ *from++) & 0xFF];
    return ~crc;
}
