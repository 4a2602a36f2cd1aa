"""A card's process: serves an engine to the host, confined. And the one all are forked from.

Run as `python -m hotswap.host.sandbox.child SOCKET MEMORY_MAX PATIENCE ENTRY`. That process imports
everything, makes an engine, and forks itself whenever it is sent descriptors: a memory file and
two event files. It runs no card's code, has no access to files and no capabilities any more, and
ends when its socket does, which is when the host is gone; its children die with it.
"""

from __future__ import annotations

import importlib
import mmap
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import msgspec

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeEngine
from hotswap.cpu import CodePool

from . import confine
from .wire import (
    ANSWER,
    ANSWER_AT,
    ANSWER_PAYLOAD,
    ANSWERED,
    ASKED,
    AWAKE,
    FAILED,
    HOST_CALLS,
    PAYLOAD,
    QUESTION,
    QUESTION_AT,
    QUESTION_PAYLOAD,
    SIZE,
    WORDS,
    Answer,
    Ask,
)

SPIN = 50_000
"""How long a process looks for the next question before it sleeps, ns."""
_U64 = (1 << 64) - 1

Entry: TypeAlias = Callable[[mmap.mmap, int, int, "Desk"], None]
"""What a forked process does: shared memory, its event file, the host's."""


class Desk:
    """An engine, and where its questions come from."""

    def __init__(self, engine: CodeEngine) -> None:
        self.engine = engine
        self._stubs = [
            engine.host_call(self._host_call(number), len(WORDS)) for number in range(HOST_CALLS)
        ]
        self._used = 0
        self._memory = memoryview(bytearray(SIZE))
        self._words = self._memory[:16].cast("I")
        self._wait, self._wake = -1, -1
        self._asleep = select.poll()
        self._number = 0

    def open(self, memory: mmap.mmap, wait: int, wake: int) -> None:
        """Talk through `memory` and two event files from now on."""
        self._memory = memoryview(memory)
        self._words = self._memory[:16].cast("I")
        self._wait, self._wake = wait, wake
        self._asleep.register(wait, select.POLLIN)

    # -- questions and answers ----------------------------------------------------------------

    def _next(self) -> tuple[int, ...]:
        """The next question: at once for a while, then asleep until there is one."""
        words, wanted = self._words, (self._number + 1) & 0xFFFFFFFF
        words[AWAKE // 4] = 1
        until = time.monotonic_ns() + SPIN
        while words[ASKED // 4] != wanted:
            if time.monotonic_ns() > until:
                words[AWAKE // 4] = 0
                if words[ASKED // 4] != wanted:
                    self._asleep.poll()
                    with suppress(BlockingIOError):
                        os.read(self._wait, 8)
        self._number = wanted
        return QUESTION.unpack_from(self._memory, QUESTION_AT)

    def _answer(
        self,
        answer: Answer,
        value: int = 0,
        instructions: int = 0,
        payload: bytes = b"",
        words: tuple[int, ...] = WORDS,
    ) -> None:
        at = ANSWER_PAYLOAD
        self._memory[at : at + len(payload)] = payload
        ANSWER.pack_into(self._memory, ANSWER_AT, answer, len(payload), value, instructions, *words)
        self._words[ANSWERED // 4] = self._number
        os.write(self._wake, b"\1\0\0\0\0\0\0\0")

    # -- the work -----------------------------------------------------------------------------

    def serve(self) -> None:
        """Answer questions for ever."""
        while True:
            question = self._next()
            if question[0] == Ask.CALL:
                _, entry, budget, count, _, *arguments = question
                self._call(entry, budget, tuple(arguments[:count]))
            else:
                self._small(question)

    def _call(self, entry: int, budget: int, arguments: tuple[int, ...]) -> None:
        result = self.engine.call(entry, arguments, budget)
        if result.fault is None:
            self._answer(Answer.DONE, result.value, result.instructions)
        else:
            fault = msgspec.msgpack.encode(result.fault)
            self._answer(Answer.FAULT, 0, result.instructions, fault[:PAYLOAD])

    def _host_call(self, number: int) -> Callable[..., int]:
        def ask_host(*words: int) -> int:
            self._answer(Answer.HOST_CALL, number, words=words)
            while True:
                question = self._next()
                ask, low, high, _, length, *_words = question
                if ask == Ask.RETURN:
                    return high << 32 | low
                if ask == Ask.FAIL:
                    raise HotswapError(self._payload(length).decode())
                self._small(question)

        return ask_host

    def _payload(self, length: int) -> bytes:
        return bytes(self._memory[QUESTION_PAYLOAD : QUESTION_PAYLOAD + length])

    def _small(self, question: tuple[int, ...]) -> None:
        ask, first, second, third, length, *_words = question
        value, payload = 0, b""
        try:
            if ask == Ask.READ:
                payload = self.engine.read(first, second)
            elif ask == Ask.WRITE:
                self.engine.write(first, self._payload(length))
            elif ask == Ask.MAP:
                self.engine.map(first, second, writable=bool(third & 1), executable=bool(third & 2))
            elif ask == Ask.HOST_CALL:
                value = self._stubs[self._used]
                self._used += 1
            else:
                raise HotswapError(f"question {ask}, which is none at this point")
        except HotswapError as error:
            self._answer(Answer.REFUSED, payload=str(error).encode()[:PAYLOAD])
        else:
            self._answer(Answer.DONE, value, payload=payload)


def serve(memory: mmap.mmap, wait: int, wake: int, desk: Desk) -> None:
    """What a card's process does."""
    desk.open(memory, wait, wake)
    desk.serve()


# -- the process all of them are forked from ------------------------------------------------------


def _become(descriptors: list[int], parent: int, space: int, entry: Entry, desk: Desk) -> None:
    """In the child: keep what was sent, lose everything else, run."""
    confine.die_with(parent)
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    memory = mmap.mmap(descriptors[0], SIZE)
    keep = sorted(descriptors[1:])
    for low, high in zip([-1, *keep], [*keep, 1 << 16], strict=True):
        os.closerange(low + 1, high)
    confine.limit(space)
    confine.no_system_calls()
    entry(memory, descriptors[1], descriptors[2], desk)


def main() -> None:
    """See the module."""
    number, memory_max, patience = map(int, sys.argv[1:4])
    module, _, name = sys.argv[4].partition(":")
    entry: Entry = getattr(importlib.import_module(module), name)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    asked = socket.socket(fileno=number)
    with CodePool(memory_max, patience=patience) as pool:
        desk = Desk(pool.take())
        parent, space = os.getpid(), confine.address_space() + confine.HEADROOM
        confine.no_files()
        confine.no_capabilities()
        asked.sendall(b"R")
        while True:
            message, descriptors, _, _ = socket.recv_fds(asked, 1, 3)
            if not message:
                return
            child = os.fork()
            if not child:
                try:
                    _become(descriptors, parent, space, entry, desk)
                finally:
                    os._exit(1)
            for descriptor in descriptors:
                os.close(descriptor)
            try:
                pidfd = os.pidfd_open(child)
            except ProcessLookupError:  # it has failed, and is reaped
                asked.sendall(FAILED)
                continue
            socket.send_fds(asked, [b"F"], [pidfd])
            os.close(pidfd)


if __name__ == "__main__":
    main()
