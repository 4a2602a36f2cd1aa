/* The first instructions of every program, the one system call gate and the way back from a
   signal. */
        .text
        .globl  _start
_start: xorl    %ebp, %ebp
        movl    %esp, %eax              /* argc, argv[0], ... as execve left them */
        pushl   %eax
        call    begin                   /* does not return */

/* int syscall(int number, ...): up to six words; a negative result is -errno */
        .globl  syscall
syscall:
        pushl   %ebp
        pushl   %edi
        pushl   %esi
        pushl   %ebx
        movl    20(%esp), %eax
        movl    24(%esp), %ebx
        movl    28(%esp), %ecx
        movl    32(%esp), %edx
        movl    36(%esp), %esi
        movl    40(%esp), %edi
        movl    44(%esp), %ebp
        int     $0x80
        popl    %ebx
        popl    %esi
        popl    %edi
        popl    %ebp
        ret

/* sa_restorer of a handler without SA_SIGINFO: sigreturn() wants the signal number popped */
        .globl  sigrestore
sigrestore:
        popl    %eax
        movl    $119, %eax
        int     $0x80

/* the same with SA_SIGINFO */
        .globl  rt_sigrestore
rt_sigrestore:
        movl    $173, %eax
        int     $0x80

/* int vfork(void): the child, which has our stack, must not return through what it has overwritten */
        .globl  vfork
vfork:  popl    %ecx
        movl    $190, %eax
        int     $0x80
        jmp     *%ecx

        .section .note.GNU-stack, "", @progbits
