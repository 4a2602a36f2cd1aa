/* The loops of registers.c: every register holds a pattern that only this process can know.

   struct registers { u32 eax, ebx, ecx, edx, esi, edi, ebp, esp, eflags; }
   void hold_flags(struct registers *from_and_to, u32 count);
       counts ECX down by LOOP, which changes no flag
   void hold_until(struct registers *from_and_to);
       until a signal has added to registers_stop; keeps CF and DF */
        .set    ESP_, 28
        .set    EFLAGS, 32

        .macro  load from
        movl    \from, %esi
        movl    %esp, ESP_(%esi)
        movl    %esi, registers_at
        pushl   EFLAGS(%esi)
        movl    0(%esi), %eax
        movl    4(%esi), %ebx
        movl    8(%esi), %ecx
        movl    12(%esi), %edx
        movl    20(%esi), %edi
        movl    24(%esi), %ebp
        movl    16(%esi), %esi
        popfl
        .endm

        .macro  store
        pushfl
        pushl   %esi
        movl    registers_at, %esi
        movl    %eax, 0(%esi)
        movl    %ebx, 4(%esi)
        movl    %ecx, 8(%esi)
        movl    %edx, 12(%esi)
        movl    %edi, 20(%esi)
        movl    %ebp, 24(%esi)
        popl    %eax
        movl    %eax, 16(%esi)
        popl    %eax
        movl    %eax, EFLAGS(%esi)
        subl    %esp, ESP_(%esi)        /* 0 when ESP is where it was */
        cld
        .endm

        .text
        .globl  hold_flags
hold_flags:
        pushal
        movl    36(%esp), %eax
        movl    40(%esp), %ecx
        movl    %ecx, 8(%eax)
        load    %eax
1:      loop    1b
        store
        popal
        ret

        .globl  hold_until
hold_until:
        pushal
        movl    36(%esp), %eax
        load    %eax
1:      incl    registers_stop
        decl    registers_stop
        jz      1b
        store
        popal
        ret

        .bss
        .lcomm  registers_at, 4
        .globl  registers_stop
        .comm   registers_stop, 4
        .section .note.GNU-stack, "", @progbits
