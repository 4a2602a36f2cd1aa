/* The flight recorder: 95 entries at 0x500, readable by the host after any crash; an entry's phase
   is the answer (SC_ACK_...) it belongs to. Entry 0 is its head; nothing is ever overwritten, what
   comes after the last entry is lost. */
#include "kernel.h"

static uint8_t source = SSM_SOURCE_OLD_KERNEL;

static struct ssm_recorderhead *head(void)
{
    struct ssm_recorderhead *at = (void *)SSM_RECORDER_PA;
    __asm__("" : "+r"(at)); /* an address the compiler has no opinion about */
    return at;
}

/* The old kernel empties it at PREPARE; the new one goes on behind the bootstrap. */
void recorder_start(uint32_t txn, uint8_t who)
{
    source = who;
    if (who != SSM_SOURCE_OLD_KERNEL)
        return;
    memset(head(), 0, SSM_RECORDER_ENTRIES * sizeof(struct ssm_log));
    head()->next = 1;
    head()->txn = txn;
}

/* What it holds, for the map; their number. */
uint32_t recorder_read(const struct ssm_log **entries)
{
    *entries = (const struct ssm_log *)head() + 1;
    return MIN(MAX(head()->next, 1u), SSM_RECORDER_ENTRIES) - 1;
}

void record(uint8_t phase, uint16_t code, uint32_t value)
{
    uint32_t at = head()->next;

    if (at == 0 || at >= SSM_RECORDER_ENTRIES)
        return;
    ((struct ssm_log *)head())[at] =
        (struct ssm_log){ .phase = phase, .source = source, .code = code, .value = value };
    head()->next = at + 1;
}
