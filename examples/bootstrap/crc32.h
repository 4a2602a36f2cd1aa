/* CRC-32 of IEEE 802.3, as zlib's crc32(). */
#ifndef CRC32_H
#define CRC32_H
#include <stdint.h>

/* Fill the tables; before the first crc32(). */
void crc32_prepare(void);
/* Continue `crc` (0 to begin) over `size` bytes. */
uint32_t crc32(uint32_t crc, const uint8_t *from, uint32_t size);
#endif
