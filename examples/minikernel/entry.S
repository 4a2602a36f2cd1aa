/* The ways into the kernel out of ring 3, the way back, and the program. TSS.ESP0 is the end of
   current->regs: what is pushed fills them, and nothing is left on the kernel's own stack. */
        .macro  way_in name, vector
        .globl  \name
\name:  pushl   $\vector
        pushal
        pushl   %ds
        pushl   %es
        pushl   %fs
        pushl   %gs
        movl    %ss, %eax
        movl    %eax, %ds
        movl    %eax, %es
        cld
        movl    $lkus_stack_top, %esp
        call    trap                    /* does not return */
        .endm
        way_in  tick, 0x20
        way_in  card, 0x2A
        way_in  other_irq, 0x2F
        way_in  system_call, 0x80

        .globl  resume_user, program, program_end
program: .incbin "counter.bin"
program_end:
resume_user:                            /* void resume_user(struct regs *) */
        movl    4(%esp), %esp
        popl    %gs
        popl    %fs
        popl    %es
        popl    %ds
        popal
        addl    $4, %esp                /* vector */
        iret
