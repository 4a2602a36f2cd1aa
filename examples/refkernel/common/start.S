/* The first instructions of a kernel, after a boot loader and at a switchover alike: flat segments,
   paging off, IF=0; EAX says which (MULTIBOOT_MAGIC or SSM_MAGIC), EBX points to its structure. The
   .bss is zero: a loader makes it so, and the image that a switchover brings has it in it. */
#include "multiboot.h"

        .section .multiboot, "a"
        .align  4
        .long   MULTIBOOT_HEADER_MAGIC, MULTIBOOT_HEADER_FLAGS
        .long   -(MULTIBOOT_HEADER_MAGIC + MULTIBOOT_HEADER_FLAGS)

        .text
        .globl  _start
_start: cld
        movl    $kernel_stack_top, %esp
        pushl   $2                      /* flags: nothing left of whoever ran before */
        popfl
        movl    %ebx, %edx              /* EAX, EDX: the arguments, by -mregparm=3 */
        call    kmain                   /* does not return */

        .bss
        .align  16
        .globl  kernel_stack
kernel_stack:
        .space  8192
        .globl  kernel_stack_top
kernel_stack_top:
        .section .note.GNU-stack, "", @progbits
