/* LZ4 blocks (lz4_Block_format.md): decoding with every bound checked. */
#ifndef LZ4_H
#define LZ4_H
#include <stdint.h>

#define LZ4_BROKEN 0xFFFFFFFFu

/* Decode the block of `size` bytes into at most `room` bytes at `to`, which must not overlap it;
   calls `progress`, when given, each 64 KiB. Returns the bytes decoded, or LZ4_BROKEN; nothing
   outside the two ranges is read or written. */
uint32_t lz4_decode(const uint8_t *from, uint32_t size, uint8_t *to, uint32_t room,
                    void (*progress)(uint32_t done));
#endif
