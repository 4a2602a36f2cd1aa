/*
 * Makes every fault a 486 has, one after the other, and logs how each arrived.
 *
 * Flat protected mode at 100000h. Each record at `records` is eight dwords:
 *   case, vector, error code, EIP - EIP of the instruction, CS, EFLAGS & (VM|IOPL|IF), CR2, ESP - STK0
 * where ESP is that of the handler after the CPU's pushes. test_cpu_faults.py knows what is right.
 *
 * Rebuild: gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-Ttext=0x100000 \
 *              -Wl,--oformat=binary -o faults.bin faults.S
 */
        .code32
        .text
        .globl _start
_start:
        jmp     begin
        .balign 4
count:  .long   0                       /* 100004h: number of records */
where:  .long   records                 /* 100008h */

STK0 = stack0 + 4096

/* \n: number of the case; the instruction follows up to the next ENDCASE */
.macro CASE n
        movl    $\n, case
        movl    $resume\n, resume
        movl    $at\n, at
at\n:
.endm
.macro ENDCASE n
resume\n:
.endm
.macro GATE vector, handler, access
        movl    $\handler, %eax
        movw    %ax, idt + 8 * \vector
        movw    $0x10, idt + 8 * \vector + 2
        movw    $\access, idt + 8 * \vector + 4
        shrl    $16, %eax
        movw    %ax, idt + 8 * \vector + 6
.endm
.macro STUB vector, pushes_error
vector\vector:
        .if \pushes_error == 0
        pushl   $0
        .endif
        pushl   $\vector
        jmp     fault
.endm

begin:
        lgdt    gdtr
        ljmp    $0x10, $1f
1:      movl    $0x18, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $STK0, %esp
        GATE 0, vector0, 0x8e00
        GATE 1, vector1, 0x8e00
        GATE 3, vector3, 0xee00
        GATE 4, vector4, 0xee00
        GATE 5, vector5, 0x8e00
        GATE 6, vector6, 0x8e00
        GATE 7, vector7, 0x8e00
        GATE 8, vector8, 0x8e00
        GATE 10, vector10, 0x8e00
        GATE 11, vector11, 0x8e00
        GATE 12, vector12, 0x8e00
        GATE 13, vector13, 0x8e00
        GATE 14, vector14, 0x8e00
        GATE 16, vector16, 0x8e00
        GATE 17, vector17, 0x8e00
        GATE 0x20, vector32, 0x8e00
        GATE 0x21, vector33, 0x8e00
        GATE 0x80, vector128, 0xee00
        lidt    idtr
        movl    $STK0, tss + 4
        movl    $0x18, tss + 8
        movw    $104, tss + 102
        movl    $tss, %eax
        movw    %ax, gdt + 0x32
        shrl    $16, %eax
        movb    %al, gdt + 0x34
        movb    %ah, gdt + 0x37
        movw    $0x30, %ax
        ltr     %ax
        /* identity map of 4 MiB for everybody, with a few pages of another kind */
        movl    $table + 7, directory
        movl    $table, %edi
        movl    $7, %eax
2:      movl    %eax, (%edi)
        addl    $4, %edi
        addl    $4096, %eax
        cmpl    $0x400007, %eax
        jne     2b
        movl    $0x200005, table + 4 * 0x200    /* read-only */
        movl    $0x201003, table + 4 * 0x201    /* supervisor */
        movl    $0, table + 4 * 0x202           /* absent */
        movl    $directory, %eax
        movl    %eax, %cr3
        movl    %cr0, %eax
        orl     $0x80010020, %eax               /* PG, WP, NE */
        movl    %eax, %cr0
        jmp     3f
3:
        /* -- ring 0 ---------------------------------------------------------------------- */
        xorl    %ecx, %ecx
        CASE 1
        divl    %ecx
        ENDCASE 1
        CASE 2
        int3
        ENDCASE 2
        movl    $0x7fffffff, %eax
        addl    $1, %eax
        CASE 3
        into
        ENDCASE 3
        movl    $5, %eax
        CASE 4
        bound   %eax, bounds
        ENDCASE 4
        CASE 5
        ud2
        ENDCASE 5
        movl    %cr0, %eax
        orl     $8, %eax                        /* TS */
        movl    %eax, %cr0
        CASE 6
        fld1
        ENDCASE 6
        clts
        movl    $0x1238, %eax
        CASE 7
        movw    %ax, %es                        /* beyond the GDT */
        ENDCASE 7
        movl    $0x38, %eax
        CASE 8
        movw    %ax, %es                        /* not present */
        ENDCASE 8
        CASE 9
        movw    %ax, %ss                        /* not present */
        ENDCASE 9
        CASE 10
        movl    0x202123, %eax
        ENDCASE 10
        CASE 11
        movl    %eax, 0x200124
        ENDCASE 11
        CASE 12
        int     $0x81                           /* an empty gate */
        ENDCASE 12
        CASE 13
        .byte   0xcd, 0x03                      /* int 3, the long way */
        ENDCASE 13
        fninit
        movw    $0x37b, control                 /* zero divide unmasked */
        fldcw   control
        fldz
        fld1
        fdivp                                   /* noted here */
        CASE 14
        fwait                                   /* raised here */
        ENDCASE 14
        fninit
        pushl   $0x10
        CASE 15
        ljmp    *nowhere                        /* through a data segment */
        ENDCASE 15
        pushfl
        orl     $0x100, (%esp)                  /* TF */
        CASE 16
        popfl
        nop                                     /* traps when this is done */
        ENDCASE 16
        CASE 17
        movl    $0, at                          /* log EIP itself */
        jmp     *absent_code                    /* a fetch from an absent page */
        ENDCASE 17
        /* -- ring 3 ---------------------------------------------------------------------- */
        pushl   $0x2b
        pushl   $user_stack + 4096
        pushl   $0x202
        pushl   $0x23
        pushl   $user
        iret
user:   movl    $0x2b, %eax
        movw    %ax, %ds
        movw    %ax, %es
        CASE 20
        movl    0x202000, %eax
        ENDCASE 20
        CASE 21
        movl    %eax, 0x200000
        ENDCASE 21
        CASE 22
        movl    0x201000, %eax
        ENDCASE 22
        CASE 23
        cli
        ENDCASE 23
        CASE 24
        hlt
        ENDCASE 24
        CASE 25
        int     $0x21                           /* a gate for ring 0 */
        ENDCASE 25
        CASE 26
        int     $0x80
        ENDCASE 26
        CASE 27
        inb     $0xe0, %al                      /* IOPL 0, no bit map */
        ENDCASE 27
28:     cmpl    $29, case                       /* case 28: an interrupt, asked for in 27 */
        jne     28b
        movl    $30, case
        int     $0x80                           /* back with ring 0 */
        /* -- VM86 ------------------------------------------------------------------------ */
vm86:   movl    $STK0, %esp
        movl    $0x0f, %ecx                     /* code at 0500:0000 */
        movl    $vm86_code, %esi
        movl    $0x5000, %edi
        rep movsb
        movl    $31, case
        movl    $0, resume
        movl    $0, at
        pushl   $0x1111                         /* GS FS DS ES SS ESP EFLAGS CS EIP */
        pushl   $0x2222
        pushl   $0x3333
        pushl   $0x4444
        pushl   $0x400
        pushl   $0x800
        pushl   $0x20202
        pushl   $0x500
        pushl   $0
        iret
vm86_code:
        .byte   0xcd, 0x21                      /* 0: int 21h: #GP, IOPL is 0 */
        .byte   0xfa                            /* 2: cli: #GP */
        .byte   0xeb, 0xfe                      /* 3: jmp . until an interrupt */
        .byte   0xcd, 0x90                      /* 5: int 90h: #GP, the end */
        /* -- double fault ---------------------------------------------------------------- */
double: movl    $STK0, %esp
        movl    $0, idt + 8 * 14 + 4            /* no gate for #PF */
        CASE 40
        movl    0x202000, %eax
        ENDCASE 40
        cli
        hlt

/* On the stack: vector, error code, EIP, CS, EFLAGS and, from ring 3, ESP, SS. */
fault:
        cld
        pushal
        movl    %ss, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movl    where, %edi
        movl    case, %eax
        stosl
        movl    32(%esp), %eax                  /* vector */
        stosl
        movl    36(%esp), %eax                  /* error code */
        stosl
        movl    40(%esp), %eax
        subl    at, %eax
        stosl
        movl    44(%esp), %eax                  /* CS */
        stosl
        movl    48(%esp), %eax
        andl    $0x23200, %eax                  /* VM, IOPL, IF */
        stosl
        movl    %cr2, %eax
        stosl
        leal    40(%esp), %eax
        subl    $STK0, %eax
        stosl
        movl    %edi, where
        incl    count
        movl    case, %eax
        cmpl    $30, %eax
        je      vm86
        cmpl    $31, %eax
        je      from_vm86
        cmpl    $40, %eax
        je      stop
        cmpl    $28, %eax
        jne     1f
        incl    case                            /* ends the loop in ring 3 */
        jmp     2f
1:      cmpl    $26, %eax
        je      2f
        cmpl    $27, %eax
        jne     1f
        incl    case
        outb    %al, $0xe1                      /* asks for interrupt 20h */
1:
        andl    $~0x100, 48(%esp)
        movl    resume, %eax
        movl    %eax, 40(%esp)
2:      testl   $3, 44(%esp)
        jz      3f
        movl    $0x2b, %eax
        movw    %ax, %ds
        movw    %ax, %es
3:      popal
        addl    $8, %esp
        iret
from_vm86:
        cmpl    $32, 32(%esp)                   /* the interrupt: leave the loop */
        je      4f
        movl    40(%esp), %eax
        cmpl    $5, %eax
        je      double
        cmpl    $2, %eax
        je      5f
        addl    $2, 40(%esp)                    /* over int 21h */
        jmp     6f
5:      incl    40(%esp)                        /* over cli */
        outb    %al, $0xe1                      /* asks for interrupt 20h */
        jmp     6f
4:      movl    $5, 40(%esp)
6:      popal
        addl    $8, %esp
        iret
stop:   cli
        hlt

        STUB 0, 0
        STUB 1, 0
        STUB 3, 0
        STUB 4, 0
        STUB 5, 0
        STUB 6, 0
        STUB 7, 0
        STUB 8, 1
        STUB 10, 1
        STUB 11, 1
        STUB 12, 1
        STUB 13, 1
        STUB 14, 1
        STUB 16, 0
        STUB 17, 1
        STUB 32, 0
        STUB 33, 0
        STUB 128, 0

        .balign 8
gdt:    .quad   0, 0
        .quad   0x00cf9b000000ffff              /* 10h code */
        .quad   0x00cf93000000ffff              /* 18h data */
        .quad   0x00cffb000000ffff              /* 20h code, ring 3 */
        .quad   0x00cff3000000ffff              /* 28h data, ring 3 */
        .quad   0x0000890000000067              /* 30h TSS */
        .quad   0x00cf13000000ffff              /* 38h data, not present */
gdtr:   .word   63
        .long   gdt
idtr:   .word   0x7ff
        .long   idt
bounds: .long   10, 20
nowhere: .long  0
        .word   0x18
absent_code: .long 0x202000
control: .word  0
case:   .long   0
resume: .long   0
at:     .long   0
        .bss
        .balign 4096
idt:    .skip   2048
tss:    .skip   2048
stack0: .skip   4096
user_stack: .skip 4096
directory: .skip 4096
table:  .skip   4096
records: .skip  4096
