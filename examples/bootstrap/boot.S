/* Switchover bootstrap, first instructions: a flat binary at 0x8000, entered with paging and
   interrupts off and flat segments, whose descriptors may be gone with the old kernel: no segment
   register is loaded here. */
#include "../refkernel/include/ssm.h"

        .section .entry, "ax"
        .globl  _start
_start: cli
        cld
        movl    $SSM_BOOTSTRAP_STACK, %esp
        call    bootstrap               /* returns the new kernel's entry, or never */
        movl    %eax, %ecx
        movl    $SSM_MAGIC, %eax
        movl    $SSM_BOOT_PA, %ebx
        jmp     *%ecx

        .section .note.GNU-stack, "", @progbits
