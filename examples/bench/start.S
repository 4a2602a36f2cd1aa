/* Multiboot 1 kernel for measurements: flat segments, an IDT for IRQ 0 and INT 80h, a stack. */
        .set    MAGIC, 0x1BADB002
        .set    FLAGS, 3                /* page-aligned modules, memory sizes */

        .section .multiboot, "a"
        .align  4
        .long   MAGIC, FLAGS, -(MAGIC + FLAGS)

        .text
        .globl  _start
_start: cli
        cld
        movl    $stack_top, %esp
        lgdt    gdt_pointer
        ljmp    $8, $1f
1:      movl    $16, %ecx
        movl    %ecx, %ds
        movl    %ecx, %es
        movl    %ecx, %ss
        fninit
        pushl   %ebx                    /* multiboot information */
        call    bench_main
2:      cli
        hlt
        jmp     2b

        .globl  timer_entry
timer_entry:                            /* IRQ 0 by vector 20h */
        pushl   %eax
        incl    ticks
        movb    $0x20, %al
        outb    %al, $0x20
        popl    %eax
        iret

        .globl  call_entry
call_entry:                             /* INT 80h: as a system call that changes address space */
        pushl   %eax
        movl    %cr3, %eax
        movl    %eax, %cr3
        popl    %eax
        iret

        .section .rodata
        .align  8
gdt:    .quad   0
        .quad   0x00CF9B000000FFFF      /* 08 code */
        .quad   0x00CF93000000FFFF      /* 10 data */
gdt_pointer:
        .word   . - gdt - 1
        .long   gdt

        .bss
        .align  16
        .space  16384
stack_top:
        .section .note.GNU-stack, "", @progbits
