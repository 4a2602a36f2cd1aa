/* Switchover bootstrap, first instructions: a flat binary at 0x8000, entered with paging and
   interrupts off and flat segments, whose descriptors may be gone with the old kernel: no segment
   register is loaded here. */
#include "../refkernel/include/ssm.h"

        .section .entry, "ax"
        .globl  _start
_start: cli
        cld
        lidt    no_gates                /* the old kernel's are overwritten: a fault is the end */
        movl    $SSM_BOOTSTRAP_STACK, %esp
        call    bootstrap               /* returns the new kernel's entry, or never */
        movl    %eax, %ecx
        movl    $SSM_MAGIC, %eax
        movl    $SSM_BOOT_PA, %ebx
        jmp     *%ecx

no_gates:
        .word   0
        .long   0

        .section .note.GNU-stack, "", @progbits
