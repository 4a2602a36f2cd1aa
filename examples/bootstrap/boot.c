/* Switchover bootstrap: puts the new kernel over the old one and enters it. It runs below 1 MiB,
   has nothing but struct ssm_boot, and either returns the entry or reports ERROR to the switchover
   card and halts.

   mode  image comes by                     checked by
   0     LZ4 block decoded here             CRC-32 of block and image, computed here
   1     copying of the decoded image       CRC-32 by the card
   2     the card's DMA                     CRC-32 by the card */
#include "../refkernel/include/ssm.h"
#include "copy.h"
#include "crc32.h"
#include "lz4.h"

enum { PIECE = 65536 }; /* bytes of CRC between two heartbeats */

/* at SSM_RECORDER_PA and SSM_BOOT_PA, see boot.ld */
extern struct ssm_log recorder[SSM_RECORDER_ENTRIES];
extern const struct ssm_boot boot;

static uint32_t card, passed; /* first port; bytes that earlier passes over the image took */

static void out(uint32_t reg, uint32_t value)
{
    __asm__ volatile("outl %0, %w1" : : "a"(value), "d"(card + reg) : "memory");
}

static uint32_t in(uint32_t reg)
{
    uint32_t value;
    __asm__ volatile("inl %w1, %0" : "=a"(value) : "d"(card + reg) : "memory");
    return value;
}

/* One entry of the flight recorder, readable after whatever comes next. */
static void record(uint8_t phase, uint16_t code, uint32_t value)
{
    struct ssm_recorderhead *head = (struct ssm_recorderhead *)recorder;

    if (head->next >= 1 && head->next < SSM_RECORDER_ENTRIES)
        recorder[head->next++] = (struct ssm_log){phase, SSM_SOURCE_BOOTSTRAP, code, value};
}

static void acknowledge(uint32_t phase, uint32_t code)
{
    out(SC_ACK, phase << 24 | code << 16 | (boot.txn & 0xFFFF));
}

static __attribute__((noreturn)) void fail(uint32_t reason, uint32_t value)
{
    record(SC_ACK_ERROR, (uint16_t)reason, value);
    acknowledge(SC_ACK_ERROR, reason);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void progress(uint32_t done)
{
    out(SC_HEARTBEAT, (passed + done) >> 10); /* KiB */
}

static uint32_t own_crc(uint32_t pa, uint32_t size)
{
    uint32_t crc = 0, done, n;
    for (done = 0; done < size; done += n) {
        n = size - done < PIECE ? size - done : PIECE;
        crc = crc32(crc, (const uint8_t *)pa + done, n);
        progress(done + n);
    }
    passed += size;
    return crc;
}

static uint32_t card_crc(uint32_t pa, uint32_t size)
{
    out(SC_CRC_PA, pa);
    out(SC_CRC_LEN, size);
    return in(SC_CRC);
}

/* [pa, pa + size) lies in [low, high) */
static int inside(uint32_t pa, uint32_t size, uint32_t low, uint32_t high)
{
    return pa >= low && pa <= high && size <= high - pa;
}

static int sensible(void)
{
    if (boot.magic != SSM_MAGIC || boot.major != SSM_MAJOR || boot.mode > SSM_MODE_DMA)
        return 0;
    if (boot.img_ulen == 0 || !inside(boot.dest, boot.img_ulen, SSM_KERNEL_LO, SSM_KERNEL_END))
        return 0;
    if (!inside(boot.entry, 1, boot.dest, boot.dest + boot.img_ulen))
        return 0;
    return boot.mode == SSM_MODE_DMA ||
           inside(boot.img_pa, boot.mode == SSM_MODE_COPY ? boot.img_ulen : boot.img_clen,
                  SSM_KERNEL_END, boot.mem_top);
}

static uint32_t decode(void)
{
    uint32_t crc, size;

    crc32_prepare();
    crc = own_crc(boot.img_pa, boot.img_clen);
    if (crc != boot.img_ccrc)
        fail(SC_REASON_BAD_STAGED, crc);
    size = lz4_decode((const uint8_t *)boot.img_pa, boot.img_clen, (uint8_t *)boot.dest,
                      boot.img_ulen, progress);
    if (size != boot.img_ulen)
        fail(SC_REASON_BAD_IMAGE, size);
    passed += size;
    return own_crc(boot.dest, boot.img_ulen);
}

static uint32_t take(void)
{
    copy((uint8_t *)boot.dest, (const uint8_t *)boot.img_pa, boot.img_ulen);
    return card_crc(boot.dest, boot.img_ulen);
}

static uint32_t dma(void)
{
    out(SC_DMA_DST, boot.dest);
    out(SC_DMA_GO, boot.txn); /* done when the OUT is */
    return card_crc(boot.dest, boot.img_ulen);
}

uint32_t bootstrap(void);

uint32_t bootstrap(void)
{
    uint32_t crc;

    passed = 0;
    card = boot.magic == SSM_MAGIC ? boot.card_base : SC_BASE;
    record(SC_ACK_BOOT, (uint16_t)boot.mode, boot.txn);
    if (!sensible())
        fail(SC_REASON_BAD_BOOT, boot.magic);
    acknowledge(SC_ACK_BOOT, 0);

    crc = boot.mode == SSM_MODE_LZ4 ? decode() : boot.mode == SSM_MODE_COPY ? take() : dma();
    if (crc != boot.img_ucrc)
        fail(SC_REASON_BAD_DECODED, crc);
    record(SC_ACK_DECODED, 0, boot.entry);
    acknowledge(SC_ACK_DECODED, 0);
    return boot.entry;
}
