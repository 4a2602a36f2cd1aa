/* void xmm_series(const float start[8][4], float end[8][4], u32 count, u32 mxcsr):
   32 numbers between 0 and 1 stay in the eight XMM registers for `count` turns, each of which takes
   all of them through the logistic map x' = r/4 - r (x - 1/2)^2, which is chaotic: one wrong bit
   changes all that come after. *mxcsr becomes what MXCSR is at the end. */
        .text
        .globl  xmm_series
xmm_series:
        movl    4(%esp), %eax
        movl    8(%esp), %edx
        ldmxcsr 16(%esp)
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        movups  16*\n(%eax), %xmm\n
        .endr
        movl    12(%esp), %ecx
1:      .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        subps   half, %xmm\n
        mulps   %xmm\n, %xmm\n
        mulps   minus_r, %xmm\n
        addps   r_quarter, %xmm\n
        sqrtps  %xmm\n, %xmm\n          /* from here on x' changes by rounding only */
        mulps   %xmm\n, %xmm\n
        .endr
        decl    %ecx
        jnz     1b
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        movups  %xmm\n, 16*\n(%edx)
        .endr
        stmxcsr 16(%esp)
        movl    16(%esp), %eax
        ret

/* void xmm_spoil(void): what a signal handler that uses them leaves in them. */
        .globl  xmm_spoil
xmm_spoil:
        pushl   $0x7F80                 /* toward zero */
        ldmxcsr (%esp)
        addl    $4, %esp
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7
        movaps  r_quarter, %xmm\n
        .endr
        ret

        .section .rodata
        .balign 16
half:   .float  0.5, 0.5, 0.5, 0.5
minus_r:                                /* r and its quarter are exact */
        .float  -3.984375, -3.984375, -3.984375, -3.984375
r_quarter:
        .float  0.99609375, 0.99609375, 0.99609375, 0.99609375
        .section .note.GNU-stack, "", @progbits
