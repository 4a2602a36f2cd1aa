"""What a card that has broken out of its engine might do: runs in the card's own, confined process.

The host writes the number of an attempt into the shared memory. Progress is told there, too: it is
TRIED when the kernel has ended the process in the attempt, DONE when the attempt came through.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import random
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NoReturn

import msgspec

from hotswap.bus.code_engine import CodeFault
from hotswap.host.sandbox.child import Desk
from hotswap.host.sandbox.wire import (
    ANSWER,
    ANSWER_AT,
    ANSWER_PAYLOAD,
    ANSWERED,
    ASKED,
    SIZE,
    WORDS,
    Answer,
)

_U64 = (1 << 64) - 1
ACTION, PROGRESS = 1024, 1025
"""Offsets in the shared memory, where the protocol has nothing."""
TRIED, DONE, REFUSED = 1, 2, 3
_libc = ctypes.CDLL(None)
_PTRACE, _PROCESS_VM_READV, _IO_URING_SETUP, _USERFAULTFD = 101, 310, 425, 323
_ATTACH, _HWPOISON = 16, 100
_buffer = ctypes.create_string_buffer(64)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))


def _read_parent() -> None:
    ours = _Vector(ctypes.addressof(_buffer), 8)
    theirs = _Vector(ctypes.addressof(_buffer), 8)  # forked from it: something is there
    _libc.syscall(
        _PROCESS_VM_READV, os.getppid(), ctypes.byref(ours), 1, ctypes.byref(theirs), 1, 0
    )


def _page() -> ctypes.c_void_p:
    return ctypes.c_void_p(ctypes.addressof(_buffer) & -4096)


def _advise() -> None:
    """What malloc and the engine need."""
    with mmap.mmap(-1, 4096, flags=mmap.MAP_PRIVATE) as memory:
        for advice in (mmap.MADV_DONTNEED, mmap.MADV_FREE):
            memory.madvise(advice)
    _libc.madvise(_page(), 4096, mmap.MADV_HUGEPAGE)  # not every kernel has them


ATTEMPTS: dict[str, Callable[[], object]] = {
    "open a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "read its parent's memory by /proc": lambda: os.open(f"/proc/{os.getppid()}/mem", os.O_RDONLY),
    "make a file": lambda: os.open("/tmp", os.O_TMPFILE | os.O_WRONLY),
    "list a folder": lambda: os.scandir("/"),
    "make a socket": lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM),
    "make a pair of sockets": socket.socketpair,
    "fork": os.fork,
    "execute": lambda: os.execv("/bin/true", ["true"]),
    "trace its parent": lambda: _libc.syscall(_PTRACE, _ATTACH, os.getppid(), 0, 0),
    "read its parent's memory": _read_parent,
    "kill its parent": lambda: os.kill(os.getppid(), signal.SIGTERM),
    "map executable memory": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_EXEC),
    "make memory executable": lambda: _libc.mprotect(
        ctypes.addressof(_buffer) & -4096, 4096, mmap.PROT_READ | mmap.PROT_EXEC
    ),
    "map a file": lambda: mmap.mmap(0, 4096),
    "make a memory file": lambda: os.memfd_create("x"),
    "set up io_uring": lambda: _libc.syscall(_IO_URING_SETUP, 8, ctypes.byref(_buffer)),
    "make a userfaultfd": lambda: _libc.syscall(_USERFAULTFD, 0),
    "mount": lambda: _libc.mount(b"none", b"/tmp", b"tmpfs", 0, None),
    # Of no bytes: harmless, were it let through.
    "poison a page it shares": lambda: _libc.madvise(_page(), 0, _HWPOISON),
    "take a page out of its file": lambda: _libc.madvise(_page(), 0, mmap.MADV_REMOVE),
    "become another user": lambda: os.setuid(65534),
    "take its limits off": lambda: _libc.setrlimit(9, _buffer),
}
"""Real system calls, each of which has to end the process."""


def _answers(memory: mmap.mmap, wake: int) -> Iterator[None]:
    """Once for each question; after it the answer counts."""
    number = 0
    words = memoryview(memory)[:16].cast("I")
    while True:
        number += 1
        while words[ASKED // 4] != number:
            pass
        yield
        words[ANSWERED // 4] = number
        os.write(wake, b"\1" + bytes(7))


def _answering(kind: int, size: int, value: int, instructions: int, payload: bytes = b"") -> bytes:
    return ANSWER.pack(kind, size, value, instructions, *WORDS) + payload


NO_UTF8 = b"\x82\xa6reason\xa1\xff\xa3eip\x01"
DEEP = b"\x82\xa1x" + b"\x91" * 60_000 + b"\x01\xa3eip\x01"
LIES = [
    ("answer 99", _answering(99, 0, 0, 0)),
    ("a payload of 2147483648 bytes", _answering(Answer.FAULT, 1 << 31, 0, 0)),
    ("1099511627776 instructions of 100", _answering(Answer.DONE, 0, 0, 1 << 40)),
    ("host call 1099511627776", _answering(Answer.HOST_CALL, 0, 1 << 40, 0)),
    ("a fault of no known form", _answering(Answer.FAULT, 8, 0, 0, b"\xff" * 8)),
    ("a fault of no known form", _answering(Answer.FAULT, len(NO_UTF8), 0, 0, NO_UTF8)),
    ("a fault of no known form", _answering(Answer.FAULT, len(DEEP), 0, 0, DEEP)),
    ("refused: ?[2", _answering(Answer.REFUSED, 3, 0, 0, b"\x1b[2")),
]
"""How the host calls an answer to a call, and the answer."""
EVIL_FAULT = CodeFault("\x1b]0;owned\x07" * 1000, -1, 1 << 63, tuple(range(-5000, 0)))
HANG, DIE, EXHAUST, FLOOD, EVIL, JAM, STEAL, ASK, ADVISE = range(101, 110)
FIRST_LIE = 120
FIRST_ATTEMPT = 1


def _attempt(memory: mmap.mmap, attempt: Callable[[], object]) -> NoReturn:
    memory[PROGRESS] = TRIED
    try:
        attempt()
    except (OSError, MemoryError):
        memory[PROGRESS] = REFUSED
    else:
        memory[PROGRESS] = DONE
    os._exit(0)


def _hoard() -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1 << 20))


def _lie(action: int, number: int) -> bytes:
    """An answer with its payload; `number` is how many there have been."""
    if action == ASK:  # for ever; the first question was for a host call's address
        return _answering(Answer.HOST_CALL if number else Answer.DONE, 0, 0, 0)
    if action == EVIL:
        payload = msgspec.msgpack.encode(EVIL_FAULT)[: 60 << 10]
        return _answering(Answer.FAULT, len(payload), 0, 0, payload)
    return LIES[action - FIRST_LIE][1]


def main(memory: mmap.mmap, wait: int, wake: int, desk: Desk) -> None:
    """What the process runs instead of serving."""
    while not (action := memory[ACTION]):
        pass
    if FIRST_ATTEMPT <= action <= len(ATTEMPTS):
        _attempt(memory, list(ATTEMPTS.values())[action - FIRST_ATTEMPT])
    if action == EXHAUST:
        _attempt(memory, _hoard)
    if action == ADVISE:
        _attempt(memory, _advise)
    if action == JAM:  # nobody can write to it any more
        os.write(wait, (_U64 - 1).to_bytes(8, "little"))
        memory[PROGRESS] = TRIED
    chance = random.Random(1)
    for number, _ in enumerate(_answers(memory, wake)):
        while action == STEAL:  # what wakes the host is taken away again
            os.write(wake, b"\1" + bytes(7))
            with suppress(BlockingIOError):  # the host has it
                os.read(wake, 8)
        while action in {JAM, HANG}:
            pass
        while action == FLOOD:
            memory[:] = chance.randbytes(SIZE)
        if action == DIE:
            os._exit(0)
        answer = _lie(action, number)
        payload = answer[ANSWER.size :]
        memory[ANSWER_AT : ANSWER_AT + ANSWER.size] = answer[: ANSWER.size]
        memory[ANSWER_PAYLOAD : ANSWER_PAYLOAD + len(payload)] = payload
