/* Between main.c and reader.c. */
#ifndef READER_H
#define READER_H
#include "ssm.h"

/* What was found: 0 or minus the first fault; a checksum of all that was read; whether the reader
   went a way it had not gone before. */
struct verdict { int32_t fault; uint32_t digest, is_new; };

struct verdict judge(const void *map, uint32_t len);
/* zlib.crc32(bytes, crc) */
uint32_t crc32_more(uint32_t crc, const void *bytes, uint32_t len);

#endif
