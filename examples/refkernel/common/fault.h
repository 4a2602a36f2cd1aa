/* Kernels that go wrong on purpose, so that the way back can be tested: `make all` builds one image
   for each, with -DFAULT_name. In the kernels proper this file is empty. */
#ifndef FAULT_H
#define FAULT_H
#include "kernel.h"

/* In the middle of RESTORE; user_page: physical address of somebody's page. */
static inline void fault_in_restore(uint32_t user_page)
{
    (void)user_page;
#if defined FAULT_panic
    panic("on purpose, while restoring");
#elif defined FAULT_hang
    for (;;)
        ;
#elif defined FAULT_triple
    static const struct __attribute__((packed)) { uint16_t limit; uint32_t base; } none;
    __asm__ volatile("lidt %0\n\tint3" : : "m"(none));
#elif defined FAULT_chatty4k
    for (int i = 0; i < 4096; i++)
        uart_putc("the new kernel was here "[i % 24]);
    __asm__ volatile("ud2");
#elif defined FAULT_stray
    paging_reach(user_page, user_page + PAGE);
    *(volatile uint32_t *)P2V(user_page) ^= 1;
#endif
}

/* What a restored process's brk becomes. */
static inline uint32_t fault_in_field(uint32_t brk)
{
#if defined FAULT_badecho
    return brk + 16;
#else
    return brk;
#endif
}

/* Just after ACK RESUMED. */
static inline void fault_after_commit(void)
{
#if defined FAULT_late
    panic("on purpose, in the probation");
#endif
}
#endif
