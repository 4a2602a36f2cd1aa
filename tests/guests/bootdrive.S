/* A boot sector that asks the BIOS for what it needs: drive, screen, serial port, keyboard.
   Linked with -Ttext=0x7c00.

   It prints on the screen and on the first serial port: the drive it came from, the drive's heads
   and sectors, the text that is in sector 3 of head 1 of cylinder 1, and, when it has written that
   text to sector 2 of head 0 of cylinder 0 and read it back from there, the text again. It echoes
   keys until Enter and stops. Ralf Brown's Interrupt List: INT 10h, 13h, 14h, 16h. */

    BUFFER = 0x8000
    KEY_ENTER = 13

    .code16
    .globl start
start:
    ljmp $0, $1f
1:  xorw %ax, %ax
    movw %ax, %ds
    movw %ax, %es
    movw %ax, %ss
    movw $0x7c00, %sp
    sti
    cld
    movb %dl, drive

    xorw %dx, %dx
    movw $0x00e3, %ax               /* initialise COM1: 9600 baud, 8 data bits */
    int $0x14

    movw $from, %si
    call print
    movb drive, %al
    call print_hex

    movb $8, %ah                    /* drive parameters */
    movb drive, %dl
    xorw %di, %di
    int $0x13
    jc failed
    xorw %ax, %ax
    movw %ax, %es
    pushw %cx
    pushw %dx
    movw $heads, %si
    call print
    popw %ax
    movb %ah, %al
    incb %al
    call print_hex
    movw $sectors, %si
    call print
    popw %ax
    andb $0x3f, %al
    call print_hex
    call new_line

    movw $0x0201, %ax               /* read a sector */
    movw $0x0103, %cx               /* cylinder 1, sector 3 */
    movb $1, %dh
    call disk
    call print_buffer

    movw $0x0301, %ax               /* write it */
    movw $0x0002, %cx               /* cylinder 0, sector 2 */
    movb $0, %dh
    call disk
    movw $BUFFER, %di
    movw $256, %cx
    xorw %ax, %ax
    rep stosw
    movw $0x0201, %ax
    movw $0x0002, %cx
    movb $0, %dh
    call disk
    call print_buffer

    movw $type, %si
    call print
1:  xorw %ax, %ax                   /* the next key */
    int $0x16
    cmpb $KEY_ENTER, %al
    je 2f
    call print_character
    jmp 1b
2:  call new_line
    movw $done, %si
    call print
3:  hlt
    jmp 3b

failed:
    pushw %ax
    movw $error, %si
    call print
    popw %ax
    movb %ah, %al
    call print_hex
    call new_line
    jmp 3b

/* INT 13h as AX, CX and DH say, with the boot drive and the buffer */
disk:
    movb drive, %dl
    movw $BUFFER, %bx
    int $0x13
    jc failed
    ret

print_buffer:
    movw $BUFFER, %si
    call print
new_line:
    movw $end_of_line, %si
/* the text at SI, up to a 0 */
print:
    lodsb
    testb %al, %al
    jz 1f
    call print_character
    jmp print
1:  ret

print_hex:
    pushw %ax
    shrb $4, %al
    call 1f
    popw %ax
    andb $0x0f, %al
1:  addb $'0', %al
    cmpb $'9', %al
    jbe print_character
    addb $'a' - '9' - 1, %al
print_character:
    pushaw
    pushw %ax
    movb $0x0e, %ah                 /* teletype output */
    movw $7, %bx
    int $0x10
    popw %ax
    movb $1, %ah                    /* send, through COM1 */
    xorw %dx, %dx
    int $0x14
    popaw
    ret

from:        .asciz "boot sector of drive 0x"
heads:       .asciz ", heads 0x"
sectors:     .asciz ", sectors 0x"
type:        .asciz "type: "
done:        .asciz "done\r\n"
error:       .asciz "error 0x"
end_of_line: .asciz "\r\n"
drive:       .byte 0

    .org 510
    .word 0xaa55
