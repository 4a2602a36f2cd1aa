/*
 * Finds, configures and uses ISA Plug and Play cards, by the specification (1.0a) and nothing else.
 *
 * It is told on COM1 what to do, and says there what it has done; numbers are hexadecimal:
 *   i  gives every card a number that has none, and activates what is on it where ports are free:
 *      "card CSN ID SERIAL", for each logical device "device ID at BASE irq LINE" or "nowhere", at
 *      the end "cards CSN", the highest number there is
 *   d  deactivates the last device
 *   e  waits for a byte at the last device, a 16550, sends it back and says "echo BYTE"
 *   q  ends the run
 *
 * Rebuild: gcc -m32 -O2 -ffreestanding -fno-pic -nostdlib -static -no-pie -Wl,--build-id=none \
 *              -Wl,-Ttext=0x100000 -Wl,--oformat=binary -o isapnp.bin isapnp.c
 */
#include <stdint.h>

#define ADDRESS    0x279
#define WRITE_DATA 0xA79
#define COM1       0x3F8

enum { SET_RD_DATA, SERIAL_ISOLATION, CONFIG_CONTROL, WAKE, RESOURCE_DATA, STATUS, CSN, DEVICE,
       ACTIVATE = 0x30, RANGE_CHECK, IO = 0x60, IRQ = 0x70 };
enum { TAG_DEVICE = 0x10, TAG_IRQ = 0x20, TAG_START = 0x30, TAG_STOP = 0x38, TAG_IO = 0x40,
       TAG_END = 0x78, LARGE = 0x80 };

void run(void);
__asm__(".text; .globl _start; _start: jmp run");       /* the image is entered at its beginning */

static inline void outb(uint16_t port, uint8_t value)
{
        __asm__ volatile("outb %0, %1" :: "a"(value), "Nd"(port));
}

static inline uint8_t inb(uint16_t port)
{
        uint8_t value;
        __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
        return value;
}

/* -- COM1 ---------------------------------------------------------------------------------- */

static void put(char c)
{
        while (!(inb(COM1 + 5) & 0x20))
                ;
        outb(COM1, c);
}

static void text(const char *s)
{
        while (*s)
                put(*s++);
}

static void hex(uint32_t value, int digits)
{
        put(' ');
        while (digits--)
                put("0123456789ABCDEF"[value >> 4 * digits & 15]);
}

static char get(void)
{
        while (!(inb(COM1 + 5) & 1))
                ;
        return inb(COM1);
}

/* -- the three ports ------------------------------------------------------------------------- */

static uint16_t read_data = 0x203;
static uint8_t numbers;                                 /* given out so far */
static uint32_t lines_used = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 4 | 1 << 8 | 1 << 13;

static void microseconds(int n)                         /* an ISA cycle is about one */
{
        while (n--)
                inb(0x61);
}

static void put_reg(uint8_t reg, uint8_t value)
{
        outb(ADDRESS, reg);
        outb(WRITE_DATA, value);
}

static uint8_t get_reg(uint8_t reg)
{
        outb(ADDRESS, reg);
        return inb(read_data);
}

static uint8_t step(uint8_t lfsr, int bit)
{
        return lfsr >> 1 | ((lfsr ^ lfsr >> 1 ^ bit) & 1) << 7;
}

static void send_key(void)
{
        uint8_t value = 0x6A;
        outb(ADDRESS, 0);
        outb(ADDRESS, 0);
        for (int n = 0; n < 32; n++, value = step(value, 0))
                outb(ADDRESS, value);
}

/* 72 pairs of reads; whether the checksum says that one card has sent them. */
static int isolated(uint8_t id[9])
{
        uint8_t checksum = 0x6A, any = 0;
        outb(ADDRESS, SERIAL_ISOLATION);
        microseconds(1000);
        for (int n = 0; n < 72; n++) {
                uint8_t first = inb(read_data), second = inb(read_data);
                int bit = first == 0x55 && second == 0xAA;
                id[n / 8] = id[n / 8] >> 1 | bit << 7;
                if (n < 64)
                        checksum = step(checksum, bit);
                any |= bit;
        }
        return any && id[8] == checksum;
}

/* -- resource data ----------------------------------------------------------------------------- */

struct options {                                        /* of one logical device, or one of its */
        uint16_t first, last, step, count, irqs;        /* dependent functions */
};

static uint8_t next(void)
{
        for (int tries = 0; !(get_reg(STATUS) & 1); tries++)
                if (tries > 1000)
                        return TAG_END;
        return get_reg(RESOURCE_DATA);
}

static int free_at(uint16_t base, uint16_t count)
{
        static const uint8_t drives[] = { 0xAA, 0x55 };
        int free = 1;
        put_reg(IO, base >> 8);
        put_reg(IO + 1, base);
        for (int n = 0; n < 2; n++) {
                put_reg(RANGE_CHECK, 2 | n);
                for (uint16_t port = base; port < base + count; port++)
                        free &= inb(port) == drives[n];
        }
        put_reg(RANGE_CHECK, 0);
        return free;
}

static uint16_t last_base;
static uint8_t last_csn, last_device;

/* Activate the chosen logical device with one of these; whether that took. */
static int activate(const struct options *o)
{
        if (!o->count || !o->step)
                return 0;
        for (uint32_t base = o->first; base <= o->last; base += o->step) {
                if (!free_at(base, o->count))
                        continue;
                for (int line = 0; line < 16; line++) {
                        if (!(o->irqs & ~lines_used & 1 << line))
                                continue;
                        put_reg(IRQ, line);
                        put_reg(ACTIVATE, 1);
                        if (get_reg(ACTIVATE) & 1) {
                                lines_used |= 1 << line;
                                last_base = base;
                                text(" at");
                                hex(base, 4);
                                text(" irq");
                                hex(line, 1);
                                return 1;
                        }
                }
        }
        return 0;
}

static void configure(uint8_t csn)
{
        static struct options found[8], always;
        uint8_t item[16], device = 0xFF;
        uint32_t id = 0;
        int alternatives = 0, in_alternative = 0;

        put_reg(WAKE, csn);
        for (int n = 0; n < 9; n++)
                next();
        for (;;) {
                uint8_t tag = next(), name = tag & 0x78;
                uint16_t size = tag & 7;
                if (tag & LARGE) {
                        size = next();
                        size |= next() << 8;
                        name = 0;
                }
                for (uint16_t n = 0; n < size; n++) {
                        uint8_t byte = next();
                        if (n < sizeof item)
                                item[n] = byte;
                }
                struct options *o = in_alternative ? &found[alternatives - 1] : &always;
                if (name == TAG_IO) {
                        o->first = item[1] | item[2] << 8;
                        o->last = item[3] | item[4] << 8;
                        o->step = item[5];
                        o->count = item[6];
                } else if (name == TAG_IRQ) {
                        o->irqs = item[0] | item[1] << 8;
                } else if (name == TAG_START && alternatives < 8) {
                        in_alternative = 1;
                        found[alternatives++] = always;
                } else if (name == TAG_STOP) {
                        in_alternative = 0;
                } else if (name == TAG_DEVICE || name == TAG_END) {
                        if (device != 0xFF) {
                                int done = 0;
                                text("device");
                                hex(id, 8);
                                put_reg(DEVICE, device);
                                last_csn = csn;
                                last_device = device;
                                if (!alternatives)
                                        found[alternatives++] = always;
                                for (int n = 0; n < alternatives && !done; n++)
                                        done = activate(&found[n]);
                                text(done ? "\n" : " nowhere\n");
                        }
                        device++;
                        id = (uint32_t)item[0] << 24 | item[1] << 16 | item[2] << 8 | item[3];
                        alternatives = in_alternative = 0;
                        always = (struct options){ 0 };
                        if (name == TAG_END)
                                return;
                }
        }
}

/* -- what it is told ----------------------------------------------------------------------------- */

static void isolate(void)
{
        uint8_t id[9] = { 0 }, before = numbers;

        send_key();
        for (;;) {
                put_reg(WAKE, 0);
                put_reg(SET_RD_DATA, read_data >> 2);
                if (isolated(id)) {
                        put_reg(CSN, ++numbers);
                        text("card");
                        hex(numbers, 2);
                        hex((uint32_t)id[0] << 24 | id[1] << 16 | id[2] << 8 | id[3], 8);
                        hex((uint32_t)id[7] << 24 | id[6] << 16 | id[5] << 8 | id[4], 8);
                        put('\n');
                } else if (numbers || read_data >= 0x3C3) {
                        break;
                } else {                                /* somebody may be at this port */
                        read_data += 0x40;
                }
        }
        while (before < numbers)
                configure(++before);
        put_reg(CONFIG_CONTROL, 2);                     /* back to Wait for Key */
        text("cards");
        hex(numbers, 2);
        put('\n');
}

static void deactivate(void)
{
        send_key();
        put_reg(WAKE, last_csn);
        put_reg(DEVICE, last_device);
        put_reg(ACTIVATE, 0);
        text("active");
        hex(get_reg(ACTIVATE), 2);
        put_reg(CONFIG_CONTROL, 2);
        put('\n');
}

static void echo(void)
{
        uint8_t byte;
        outb(last_base + 3, 3);                         /* 8N1 */
        outb(last_base + 4, 3);
        while (!(inb(last_base + 5) & 1))
                ;
        byte = inb(last_base);
        outb(last_base, byte);
        text("echo");
        hex(byte, 2);
        put('\n');
}

void run(void)
{
        for (;;) {
                switch (get()) {
                case 'i': isolate(); break;
                case 'd': deactivate(); break;
                case 'e': echo(); break;
                case 'q': outb(0xF4, 0);
                }
        }
}
