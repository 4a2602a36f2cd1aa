/* A card for the tests in assembly: a relocation of each kind, and what it makes of it.
 * IN of port 300h + 4n gives the n-th value. with: -Wa,-mrelax-relocations=yes -Wa,-mshared */
	.set	SIZE, 156

	.section .hotswap.card, "a"
	.balign	4
card:	.long	0x44435348, SIZE
	.short	1, 0
	.ascii	"relocations"
	.fill	32 - 11
	.ascii	"1.0"
	.fill	16 - 3
	.long	0
	.byte	4, 0, 0, 0
	.long	jumpers, 1, 0, 0, 0, 0
	.long	0, 0, 0, read, write
	.fill	SIZE - (. - card)

	.section .rodata
	.balign	4
jumpers:
	.short	0x300, 32
	.fill	7, 4
	.fill	4, 8
	.byte	1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0
values:	.long	value0, value1, value2, value3, value4, value5, value6, value7

	.data
	.globl	datum
datum:	.long	0x11223344
byte:	.byte	small8		/* R_386_8 */
	.balign	2
word:	.short	small16		/* R_386_16 */
	.balign	4
to_host: .long	hotswap_now	/* R_386_32 of a call into the host */

	.comm	shared, 64, 32
	.weak	nobody

	.text
read:	mov	4(%esp), %eax
	and	$28, %eax
	jmp	*values(%eax)
write:	push	8(%esp)		/* a value that was popped would have been the host's */
	push	$0
	call	hotswap_irq@PLT
	add	$8, %esp
	ret

value0:	mov	datum, %eax	/* R_386_32 */
	ret
value1:	call	get_pc		/* R_386_PC32, GOTPC, GOTOFF */
	add	$_GLOBAL_OFFSET_TABLE_, %ecx
	mov	datum@GOTOFF(%ecx), %eax
	ret
value2:	call	get_pc		/* R_386_GOT32X with a register */
	add	$_GLOBAL_OFFSET_TABLE_, %ecx
	mov	datum@GOT(%ecx), %eax
	mov	(%eax), %eax
	ret
value3:	mov	datum@GOT, %eax	/* R_386_GOT32X without */
	mov	(%eax), %eax
	ret
value4:	movzbl	byte, %eax
	movzwl	word, %edx
	shl	$16, %edx
	or	%edx, %eax
	ret
value5:	mov	$nobody, %eax	/* weak, and nowhere */
	ret
value6:	mov	$shared, %eax	/* common, at a multiple of 32 */
	and	$31, %eax
	ret
value7:	call	*to_host
	ret

	.section .text.more, "ax"
get_pc:	mov	(%esp), %ecx
	ret

	.globl	small8, small16
	.set	small8, 0x7F
	.set	small16, 0x1234

	.section .note.GNU-stack, "", @progbits
