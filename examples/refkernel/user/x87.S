/* void x87_series(const u8 start[8][10], u8 end[8][10], u32 count, u32 control):
   eight numbers between 0 and 1 stay in the eight x87 registers for `count` turns. A turn takes the
   one on top through the logistic map x' = r/4 - r (x - 1/2)^2, which is chaotic: one wrong bit
   changes all that come after. */
        .text
        .globl  x87_series
x87_series:
        movl    4(%esp), %eax
        movl    8(%esp), %edx
        movl    12(%esp), %ecx
        fninit
        fldcw   16(%esp)
        .irp    at, 70, 60, 50, 40, 30, 20, 10, 0
        fldt    \at(%eax)
        .endr
1:      fsubs   half
        fmul    %st(0), %st
        fmuls   r
        fsubrs  r_quarter
        fsqrt                           /* from here on x' changes by rounding only */
        fmul    %st(0), %st
        fdivs   seven
        fmuls   seven
        fxch    %st(3)
        fincstp                         /* the next number is on top */
        loop    1b
        .irp    at, 0, 10, 20, 30, 40, 50, 60, 70
        fstpt   \at(%edx)
        .endr
        ret

        .section .rodata
half:   .float  0.5
seven:  .float  7
r:      .float  3.984375                /* and its quarter are exact */
r_quarter:
        .float  0.99609375
        .section .note.GNU-stack, "", @progbits
