/* What the rows share: ports, the serial line, and how a row is told. */
#include <stdint.h>

enum {
    COM1 = 0x3F8, PIT = 0x40, PIC = 0x20, DEBUG_EXIT = 0xF4,
    IDE = 0x1F0, IDE_CONTROL = 0x3F6, NE2000 = 0x300,
};

static inline void outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline uint8_t inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline uint16_t inw(uint16_t port)
{
    uint16_t value;
    __asm__ volatile("inw %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void insw(uint16_t port, void *to, uint32_t words)
{
    __asm__ volatile("rep insw" : "+D"(to), "+c"(words) : "d"(port) : "memory");
}

static inline void outsw(uint16_t port, const void *from, uint32_t words)
{
    __asm__ volatile("rep outsw" : "+S"(from), "+c"(words) : "d"(port) : "memory");
}

/* One measurement: `work` does the same `rounds` times and returns a checksum of what it did. */
struct row {
    const char *name;
    uint32_t (*work)(uint32_t rounds);
    uint32_t rounds;
    uint32_t sum; /* what `work` must return; 0: not checked */
};

extern const struct row compute_rows[], board_rows[]; /* the last has no name */
extern volatile uint32_t ticks;                       /* of the timer */

void say(const char *text);
void say_number(uint32_t value);
void *memcpy(void *to, const void *from, uint32_t size);
void *memset(void *at, int value, uint32_t size);
