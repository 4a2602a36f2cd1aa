"""Asking a card's process: a question in shared memory, an answer before a deadline, or its end.

Who waits looks for a while and then sleeps in the kernel, until the answer, the end of the process
or the deadline. A process that does not answer in time or makes no sense is killed, and says why
for ever after.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import time
from contextlib import suppress
from typing import NamedTuple, NoReturn

from .wire import (
    ANSWER,
    ANSWER_AT,
    ANSWER_PAYLOAD,
    ANSWERED,
    ASKED,
    AWAKE,
    PAYLOAD,
    QUESTION,
    QUESTION_AT,
    QUESTION_PAYLOAD,
    WORDS,
    Ask,
    SandboxError,
)

SPIN = 30_000
"""How long the host looks for an answer before it sleeps, ns."""
_POLLIN = 1
_SECOND = 1_000_000_000
_ONE = (1).to_bytes(8, "little")
_libc = ctypes.CDLL(None, use_errno=True)


class Child(NamedTuple):
    """A card's process: what is shared, its event file, ours, and its pidfd."""

    memory: mmap.mmap
    wake: int
    wait: int
    process: int


class _PollFile(ctypes.Structure):
    _fields_ = (("file", ctypes.c_int), ("events", ctypes.c_short), ("found", ctypes.c_short))


class _Timespec(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class Talk:
    """Questions to one process, which is killed when this is closed."""

    def __init__(self, child: Child) -> None:
        self._child = child
        self._memory = memoryview(child.memory)
        self._words = self._memory[:16].cast("I")
        self._files = (_PollFile * 2)(
            _PollFile(child.wait, _POLLIN), _PollFile(child.process, _POLLIN)
        )
        self._left = _Timespec()
        self._number = 0
        self.lost = ""
        """Why the process was killed, if it was."""
        self.closed = False

    def ask(
        self,
        until: int,
        allowed: int,
        ask: Ask,
        first: int = 0,
        second: int = 0,
        third: int = 0,
        *,
        words: tuple[int, ...] = WORDS,
        payload: bytes = b"",
    ) -> tuple[int, ...]:
        """The answer, as the process gave it. Raises `SandboxError`.

        It waits until `until` (of time.monotonic_ns), which is said to be `allowed` ns.
        """
        if self.lost:
            raise SandboxError(self.lost)
        if time.monotonic_ns() > until:  # in host calls: each may be quick, and there may be many
            self._late(allowed)
        memory = self._memory
        try:
            if payload:
                memory[QUESTION_PAYLOAD : QUESTION_PAYLOAD + len(payload)] = payload
            QUESTION.pack_into(memory, QUESTION_AT, ask, first, second, third, len(payload), *words)
            self._number = number = (self._number + 1) & 0xFFFFFFFF
            self._words[ASKED // 4] = number
            self._wait(number, until, allowed)
            answer = ANSWER.unpack(bytes(memory[ANSWER_AT : ANSWER_AT + ANSWER.size]))
        except BaseException:
            self.kill()
            raise
        if answer[1] > PAYLOAD:
            self.nonsense(f"a payload of {answer[1]} bytes")
        return answer

    def _wait(self, number: int, until: int, allowed: int) -> None:
        words, answered = self._words, ANSWERED // 4
        woken = not words[AWAKE // 4]
        if woken:
            self._wake()
        sleep = min(time.monotonic_ns() + SPIN, until)
        while words[answered] != number:
            if time.monotonic_ns() < sleep:
                continue
            if not woken:  # what it said of being awake may have been out of date
                woken = True
                self._wake()
            left = until - time.monotonic_ns()
            if left <= 0:
                self._late(allowed)
            self._left.seconds, self._left.nanoseconds = divmod(left, _SECOND)
            _libc.ppoll(self._files, 2, ctypes.byref(self._left), None)
            ours, process = self._files
            if ours.found:
                with suppress(BlockingIOError):  # the process may have been quicker
                    os.read(self._child.wait, 8)
            elif process.found:
                self.lose("the card's process has ended")

    def _wake(self) -> None:
        with suppress(BlockingIOError):  # full: the process has filled it itself
            os.write(self._child.wake, _ONE)

    def payload(self, answer: tuple[int, ...]) -> bytes:
        """A copy of what came with an answer."""
        return bytes(self._memory[ANSWER_PAYLOAD : ANSWER_PAYLOAD + answer[1]])

    def _late(self, allowed: int) -> NoReturn:
        self.lose(f"no answer within {allowed / 1e6:g} ms")

    def lose(self, reason: str) -> NoReturn:
        """Give the process up. Raises `SandboxError`."""
        self.lost = reason
        self.kill()
        raise SandboxError(reason)

    def nonsense(self, what: str) -> NoReturn:
        """Give the process up for an answer it must not give. Raises `SandboxError`."""
        self.lose(f"the card's process answers what makes no sense: {what}")

    def kill(self) -> None:
        """End the process."""
        self.lost = self.lost or "the card's process was stopped in the middle of a call"
        if not self.closed:
            with suppress(ProcessLookupError):  # it has ended by itself
                signal.pidfd_send_signal(self._child.process, signal.SIGKILL)

    def close(self) -> None:
        """End the process, and give back what it was asked through."""
        if self.closed:
            return
        self.kill()
        self.closed = True
        self._words.release()
        self._memory.release()
        self._child.memory.close()
        for file in (self._child.wake, self._child.wait, self._child.process):
            os.close(file)
