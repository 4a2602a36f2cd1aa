/* The first instructions of a kernel, after a boot loader and at a switchover alike: flat segments,
   paging off, IF=0; EAX says which (MULTIBOOT_MAGIC or SSM_MAGIC), EBX points to its structure. */
#include "multiboot.h"

        .section .multiboot, "a"
        .align  4
        .long   MULTIBOOT_HEADER_MAGIC, MULTIBOOT_HEADER_FLAGS
        .long   -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

        .text
        .globl  _start
_start: cld
        movl    %eax, %edx
        movl    $bss_start, %edi        /* multiples of 4 by kernel.ld */
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        shrl    $2, %ecx
        xorl    %eax, %eax
        rep stosl
        movl    $kernel_stack_top, %esp
        pushl   $2                      /* flags: nothing left of whoever ran before */
        popfl
        pushl   %ebx
        pushl   %edx
        call    kmain                   /* does not return */

        .bss
        .align  16
        .globl  kernel_stack
kernel_stack:
        .space  8192
        .globl  kernel_stack_top
kernel_stack_top:
        .section .note.GNU-stack, "", @progbits
