/*
 * A Multiboot kernel that says on COM1 what it was told, and ends the run.
 *
 * Lines: the magic of EAX; the command line; mem_lower and mem_upper; each address range of the memory
 * map (type, length, start); each module's string and its content; then "bss" and the sum of its own
 * bss, which has to be 0. Numbers are hexadecimal. Multiboot Specification 0.6.96, sections 3.1 to 3.3.
 *
 * The header has address fields for this flat image; in an ELF file their flag is cleared.
 *
 * Rebuild: gcc -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-Ttext=0x100000 \
 *              -Wl,--oformat=binary -o multiboot.bin multiboot.S
 */
        .code32
        .text
        .globl  _start
MAGIC = 0x1BADB002
FLAGS = 1 << 16 | 1 << 1 | 1 << 0
_start: .long   0, 0                    /* something before the header */
header: .long   MAGIC, FLAGS, -(MAGIC + FLAGS)
        .long   header, _start, image_end, bss_end, begin

begin:  movl    %ebx, %ebp
        movl    $bss, %esi
        xorl    %edx, %edx
1:      addl    (%esi), %edx
        addl    $4, %esi
        cmpl    $bss_end, %esi
        jb      1b
        movl    $bss_end, %esp
        pushl   %edx
        call    hex
        call    newline
        movl    16(%ebp), %esi          /* cmdline */
        call    text
        call    newline
        movl    4(%ebp), %eax           /* mem_lower */
        call    hex
        movl    8(%ebp), %eax           /* mem_upper */
        call    hex
        call    newline

        movl    48(%ebp), %edi          /* mmap_addr */
        movl    44(%ebp), %ecx          /* mmap_length */
        addl    %edi, %ecx
range:  cmpl    %ecx, %edi
        jae     modules
        movl    20(%edi), %eax          /* type */
        call    hex
        movl    12(%edi), %eax          /* length_low */
        call    hex
        movl    4(%edi), %eax           /* base_addr_low */
        call    hex
        call    newline
        addl    (%edi), %edi            /* size, which does not count itself */
        addl    $4, %edi
        jmp     range

modules:
        movl    24(%ebp), %edi          /* mods_addr */
        movl    20(%ebp), %ecx          /* mods_count */
module: jecxz   end
        movl    8(%edi), %esi           /* string */
        testl   %esi, %esi
        jz      1f
        call    text
1:      movb    $':', %al
        call    put
        movl    (%edi), %esi            /* mod_start */
2:      cmpl    4(%edi), %esi           /* mod_end */
        jae     3f
        lodsb
        call    put
        jmp     2b
3:      call    newline
        addl    $16, %edi
        decl    %ecx
        jmp     module

end:    movl    $word, %esi
        call    text
        popl    %eax
        call    hex
        call    newline
        xorl    %eax, %eax
        outb    %al, $0xf4
        hlt

text:   lodsb                           /* ESI: up to a zero byte */
        testb   %al, %al
        jz      1f
        call    put
        jmp     text
1:      ret

hex:    pushl   %ecx                    /* EAX, and a blank */
        movl    $8, %ecx
1:      roll    $4, %eax
        pushl   %eax
        andb    $15, %al
        addb    $'0', %al
        cmpb    $'9', %al
        jbe     2f
        addb    $7, %al
2:      call    put
        popl    %eax
        loop    1b
        movb    $' ', %al
        call    put
        popl    %ecx
        ret

newline:
        movb    $'\n', %al
put:    movw    $0x3f8, %dx
        outb    %al, %dx
        ret

word:   .asciz  "bss "
        .balign 4
image_end:
        .bss
bss:    .skip   4096
bss_end:
