/* The first instructions, the way into the kernel and out of it, and the program inside it. */
        .section .multiboot, "a"
        .long   0x1BADB002, 0, -0x1BADB002 /* Multiboot 1: magic, no flags, their sum is 0 */

        .text
        .globl  _start, traps, resume_user
_start: cld                             /* flat segments, paging and interrupts off; EAX says who */
        movl    %eax, %edx              /* has come here, EBX points to what it tells */
        movl    $bss_start, %edi
        movl    $bss_end, %ecx
        subl    %edi, %ecx
        shrl    $2, %ecx
        xorl    %eax, %eax
        rep stosl
        movl    $stack_top, %esp
        pushl   %ebx
        pushl   %edx
        call    kmain                   /* does not return */

        .altmacro
        .macro  stub n
        .align  16
        .if     !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17)
        pushl   $0                      /* where the CPU pushes no error code */
        .endif
        pushl   $\n
        jmp     entry
        .endm
        .align  16
traps:  .set    n, 0                    /* 32 exceptions, 16 IRQs, the system call: 16 bytes each */
        .rept   49
        stub    %n
        .set    n, n + 1
        .endr

entry:  testb   $3, 12(%esp)            /* CS: out of ring 3? */
        jz      kernel_fault            /* no: there is a bug; does not return */
        pushal                          /* TSS.ESP0 is the end of current->regs: this fills them */
        pushl   %ds
        pushl   %es
        pushl   %fs
        pushl   %gs
        movl    $0x10, %eax             /* KERNEL_DS */
        movl    %eax, %ds
        movl    %eax, %es
        cld
        movl    $stack_top, %esp
        call    trap                    /* does not return */

resume_user:                            /* void resume_user(struct regs *) */
        movl    4(%esp), %esp
        popl    %gs
        popl    %fs
        popl    %es
        popl    %ds
        popal
        addl    $8, %esp                /* vector, error */
        iret

        .section .rodata
        .globl  program, program_end
program:
        .incbin "counter.bin"
program_end:
        .bss
        .align  16
        .space  4096
stack_top:
        .section .note.GNU-stack, "", @progbits
