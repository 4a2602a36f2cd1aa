/*
 * A boot sector that says on COM1 what the BIOS has told it, in hexadecimal, and ends the run.
 *
 * The drive it was booted from (DL); the address ranges of INT 15h, AX=E820h, one a line: type, length,
 * start; the geometry of drive 80h by INT 13h, AH=8: CH, CL, DH.
 *
 * Rebuild: gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-Ttext=0x7c00 \
 *              -Wl,--oformat=binary -o bootsector.bin bootsector.S
 */
        .code16
        .text
        .globl  _start
RANGE = 0x500
_start:
        xorw    %ax, %ax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movw    $0x7c00, %sp
        movb    %dl, %al
        call    hex
        call    newline
        xorl    %ebx, %ebx
range:  movl    $0xe820, %eax
        movl    $0x534d4150, %edx       /* SMAP */
        movl    $20, %ecx
        movw    $RANGE, %di
        int     $0x15
        jc      disk
        movw    $19, %si
1:      movb    RANGE(%si), %al
        call    hex
        decw    %si
        jns     1b
        call    newline
        testl   %ebx, %ebx
        jnz     range
disk:   movb    $8, %ah
        movb    $0x80, %dl
        int     $0x13
        movb    %ch, %al
        call    hex
        movb    %cl, %al
        call    hex
        movb    %dh, %al
        call    hex
        call    newline
        xorb    %al, %al
        outb    %al, $0xf4
        cli                             /* or the next tick would go on from here */
        hlt

hex:    pushw   %ax
        shrb    $4, %al
        call    digit
        popw    %ax
digit:  andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     put
        addb    $7, %al
        jmp     put
newline:
        movb    $'\n', %al
put:    pushw   %dx
        movw    $0x3f8, %dx
        outb    %al, %dx
        popw    %dx
        ret

        .org    510
        .word   0xaa55
