/* The entry, of a cold boot and of a switchover: flat segments, paging and interrupts off. EAX says
   who has come here and EBX points to what it tells. bss_start, bss_end: the linker script's. */
        .section .multiboot, "a"
        .long   0x1BADB002, 0, -0x1BADB002 /* Multiboot 1: magic, no flags, their sum is 0 */

        .text
        .globl  _start, lkus_stack_top
_start: cld
        movl    %eax, %edx
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        xorl    %eax, %eax
        rep stosb
        movl    $lkus_stack_top, %esp
        pushl   %ebx
        pushl   %edx
        call    kmain                   /* does not return */

        .bss
        .align  16
        .space  4096
lkus_stack_top:
        .section .note.GNU-stack, "", @progbits
