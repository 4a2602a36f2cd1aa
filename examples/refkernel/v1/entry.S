/* The way into the kernel and out of it. There is one kernel stack, and nothing on it outlives a
   trap: the registers of a process are in its struct proc, where TSS.ESP0 points. */
#include "param.h"

        .text
        .altmacro
        .macro  trap_stub n
        .align  16
        .if     !(\n == 8 || (\n >= 10 && \n <= 14) || \n == 17)
        pushl   $0                      /* the CPU pushes no error code for these */
        .endif
        pushl   $\n
        jmp     trap_entry
        .endm

        .align  16
        .globl  trap_stubs
trap_stubs:                             /* 16 bytes each */
        .set    n, 0
        .rept   129
        trap_stub %n
        .set    n, n + 1
        .endr

trap_entry:
        testb   $3, 12(%esp)            /* CS: from user mode? */
        jz      from_kernel
        pushal
        pushl   %ds
        pushl   %es
        pushl   %fs
        pushl   %gs
        movl    $KERNEL_DS, %eax
        movl    %eax, %ds
        movl    %eax, %es
        cld
        movl    $kernel_stack_top, %esp
        call    trap_user               /* does not return */

from_kernel:                            /* an IRQ ended idle(), or the kernel has a fault */
        movl    (%esp), %eax
        movl    %esp, %edx
        cmpl    $32, %eax
        jb      1f
        movl    $kernel_stack_top, %esp /* idle() has nothing to go back to */
1:      call    trap_kernel             /* EAX, EDX: -mregparm=3; does not return */

        .globl  resume_user             /* void resume_user(struct trapframe *) */
resume_user:
        movl    %eax, %esp              /* the argument: -mregparm=3 */
        popl    %gs
        popl    %fs
        popl    %es
        popl    %ds
        popal
        addl    $8, %esp                /* vector, error */
        iret
        .section .note.GNU-stack, "", @progbits
