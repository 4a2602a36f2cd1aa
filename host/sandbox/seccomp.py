"""The system calls a card's process may make, as a program for the kernel; all others kill it.

seccomp(2), classic BPF as in linux/filter.h; numbers are those of x86-64. Memory that comes later
is anonymous and never executable: the engine has its buffer for code before.
"""

from __future__ import annotations

import ctypes
import struct

ALLOWED = {
    "read": 0,
    "write": 1,
    "poll": 7,
    "munmap": 11,
    "brk": 12,
    "rt_sigprocmask": 14,
    "rt_sigreturn": 15,
    "sched_yield": 24,
    "exit": 60,
    "futex": 202,
    "restart_syscall": 219,
    "clock_gettime": 228,
    "clock_nanosleep": 230,
    "exit_group": 231,
}
"""What Python and the engine need, once everything is imported and made."""
_MMAP, _MPROTECT, _MREMAP = 9, 10, 25
_MADVISE = 28
_DONTNEED, _FREE, _HUGEPAGE = 4, 8, 14
_PROT_EXEC, _MAP_ANONYMOUS = 4, 0x20
_ARCH_X86_64 = 0xC000003E
_X32 = 0x40000000
_NR, _ARCH, _ARGUMENT = 0, 4, (16, 24, 32, 40)  # offsets in struct seccomp_data
_KILL, _ALLOW = 0x80000000, 0x7FFF0000  # SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_ALLOW
_LOAD, _EQUAL, _ANY_BIT, _AT_LEAST, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER = 22, 2


def _op(code: int, k: int, yes: int = 0, no: int = 0) -> bytes:
    """struct sock_filter: `yes` and `no` are how many instructions to skip."""
    return struct.pack("<HBBI", code, yes, no, k)


def program() -> bytes:
    """The filter, 8 bytes an instruction."""
    kill, allow = _op(_RETURN, _KILL), _op(_RETURN, _ALLOW)
    parts = [
        _op(_LOAD, _ARCH) + _op(_EQUAL, _ARCH_X86_64, yes=1) + kill,
        _op(_LOAD, _NR) + _op(_AT_LEAST, _X32, no=1) + kill,
        *(_op(_EQUAL, number, no=1) + allow for number in sorted(ALLOWED.values())),
        _op(_EQUAL, _MREMAP, no=1) + allow,
        # madvise: what malloc and the engine ask for, never to poison a page the host shares
        _op(_EQUAL, _MADVISE, no=6) + _op(_LOAD, _ARGUMENT[2]),
        _op(_EQUAL, _DONTNEED, yes=2) + _op(_EQUAL, _FREE, yes=1),
        _op(_EQUAL, _HUGEPAGE, no=1) + allow + kill,
        # mprotect and mmap: not executable; mmap: anonymous, too
        _op(_EQUAL, _MPROTECT, no=4) + _op(_LOAD, _ARGUMENT[2]),
        _op(_ANY_BIT, _PROT_EXEC, no=1) + kill + allow,
        _op(_EQUAL, _MMAP, no=6) + _op(_LOAD, _ARGUMENT[2]),
        _op(_ANY_BIT, _PROT_EXEC, yes=2) + _op(_LOAD, _ARGUMENT[3]),
        _op(_ANY_BIT, _MAP_ANONYMOUS, yes=1) + kill + allow,
        kill,
    ]
    return b"".join(parts)


class _Program(ctypes.Structure):
    _fields_ = (("count", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(libc: ctypes.CDLL) -> bool:
    """Put the filter on this process, for good; False when the kernel refuses."""
    code = program()
    buffer = ctypes.create_string_buffer(code, len(code))
    described = _Program(len(code) // 8, ctypes.addressof(buffer))
    result: int = libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0)
    return result == 0
