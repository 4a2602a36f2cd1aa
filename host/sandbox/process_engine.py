"""A `CodeEngine` in a process of its own, asked through shared memory, with a deadline.

Nothing here waits longer than that: a process that does not answer in time, has ended, or answers
what makes no sense is killed, and the call ends with a fault that says so.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, NoReturn

import msgspec

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeFault, CodeResult

from .wire import (
    ANSWER,
    ANSWER_AT,
    ANSWER_PAYLOAD,
    ANSWERED,
    ASKED,
    AWAKE,
    HOST_CALLS,
    PAYLOAD,
    QUESTION,
    QUESTION_AT,
    QUESTION_PAYLOAD,
    WORDS,
    Answer,
    Ask,
    SandboxError,
)

DEADLINE = 1_000_000
"""Longest a port cycle waits, ns; a call that may execute more has that much longer."""
CYCLE = 20_000
"""Instructions a port cycle may take; see hotswap.cards.elf.Budgets."""
LONGEST = 100
"""Times the deadline, at most."""
SETTING_UP = 50_000_000
"""Longest anything but a call waits, ns: mapping, reading and writing memory."""
SPIN = 30_000
"""How long the host looks for an answer before it sleeps, ns."""
_U64 = (1 << 64) - 1
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


class ProcessEngine:
    """See `CodeEngine`. `deadline` is that of a port cycle, ns."""

    def __init__(self, child: Child, deadline: int = DEADLINE) -> None:
        self._child = child
        self._deadline = deadline
        self._memory = memoryview(child.memory)
        self._words = self._memory[:16].cast("I")
        self._files = (_PollFile * 2)(
            _PollFile(child.wait, _POLLIN), _PollFile(child.process, _POLLIN)
        )
        self._left = _Timespec()
        self._number = 0
        self._functions: list[tuple[Callable[..., int], int]] = []
        self._until: int | None = None  # when the call under way must be over
        self._allowed = 0
        self._lost = ""
        self._closed = False

    # -- questions and answers ----------------------------------------------------------------

    def _ask(
        self,
        ask: Ask,
        first: int = 0,
        second: int = 0,
        third: int = 0,
        *,
        words: tuple[int, ...] = WORDS,
        payload: bytes = b"",
    ) -> tuple[int, ...]:
        """The answer, as the process gave it. Raises `SandboxError`."""
        if self._lost:
            raise SandboxError(self._lost)
        until = self._until
        if until is None:
            until = time.monotonic_ns() + SETTING_UP
        memory = self._memory
        try:
            if payload:
                memory[QUESTION_PAYLOAD : QUESTION_PAYLOAD + len(payload)] = payload
            QUESTION.pack_into(memory, QUESTION_AT, ask, first, second, third, len(payload), *words)
            self._number = number = (self._number + 1) & 0xFFFFFFFF
            self._words[ASKED // 4] = number
            self._wait(number, until)
            answer = ANSWER.unpack(bytes(memory[ANSWER_AT : ANSWER_AT + ANSWER.size]))
        except BaseException:
            self._kill()
            raise
        if answer[1] > PAYLOAD:
            self._nonsense(f"a payload of {answer[1]} bytes")
        return answer

    def _wait(self, number: int, until: int) -> None:
        words, answered = self._words, ANSWERED // 4
        woken = not words[AWAKE // 4]
        if woken:
            os.write(self._child.wake, _ONE)
        sleep = min(time.monotonic_ns() + SPIN, until)
        while words[answered] != number:
            if time.monotonic_ns() < sleep:
                continue
            if not woken:  # what it said of being awake may have been out of date
                woken = True
                os.write(self._child.wake, _ONE)
            left = until - time.monotonic_ns()
            if left <= 0:
                allowed = SETTING_UP if self._until is None else self._allowed
                self._lose(f"no answer within {allowed / 1e6:g} ms")
            self._left.seconds, self._left.nanoseconds = divmod(left, _SECOND)
            _libc.ppoll(self._files, 2, ctypes.byref(self._left), None)
            ours, process = self._files
            if ours.found:
                os.read(self._child.wait, 8)
            elif process.found:
                self._lose("the card's process has ended")

    def _lose(self, reason: str) -> NoReturn:
        self._lost = reason
        self._kill()
        raise SandboxError(reason)

    def _nonsense(self, what: str) -> NoReturn:
        self._lose(f"the card's process answers what makes no sense: {what}")

    def _payload(self, answer: tuple[int, ...]) -> bytes:
        return bytes(self._memory[ANSWER_PAYLOAD : ANSWER_PAYLOAD + answer[1]])

    def _small(self, ask: Ask, *numbers: int, payload: bytes = b"") -> tuple[int, ...]:
        """A question whose answer is DONE, or a refusal. Raises `HotswapError`."""
        if self._closed:
            raise SandboxError("the card's process is closed")
        answer = self._ask(ask, *numbers, payload=payload)
        if answer[0] == Answer.REFUSED:
            raise HotswapError(_text(self._payload(answer)))
        if answer[0] != Answer.DONE:
            self._nonsense(f"answer {answer[0]}")
        return answer

    # -- memory -------------------------------------------------------------------------------

    def map(
        self,
        address: int,
        size: int,
        *,
        writable: bool,
        executable: bool,
        shared: memoryview | None = None,
    ) -> None:
        """See `CodeEngine.map`; the host's memory cannot be shared with another process."""
        if shared is not None:
            raise HotswapError(
                f"memory at {address:#x}: a card in a process of its own cannot share the host's"
            )
        for number in (address, size):
            if not 0 <= number < 1 << 32:
                raise HotswapError(f"memory of a card's code at {address:#x}+{size:#x}: 32 bits")
        self._small(Ask.MAP, address, size, writable | executable << 1)

    def read(self, address: int, size: int) -> bytes:
        """See `CodeEngine.read`."""
        parts = []
        for at in range(address, address + size, PAYLOAD):
            count = min(PAYLOAD, address + size - at)
            _check(at, count)
            content = self._payload(self._small(Ask.READ, at, count))
            if len(content) != count:
                self._nonsense(f"{len(content)} bytes for {count}")
            parts.append(content)
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """See `CodeEngine.write`."""
        for at in range(0, len(data), PAYLOAD):
            part = bytes(data[at : at + PAYLOAD])
            _check(address + at, len(part))
            self._small(Ask.WRITE, address + at, payload=part)

    # -- calls --------------------------------------------------------------------------------

    def host_call(self, function: Callable[..., int], arguments: int) -> int:
        """See `CodeEngine.host_call`."""
        if len(self._functions) == HOST_CALLS or not 0 <= arguments <= len(WORDS):
            raise HotswapError(
                f"host call {len(self._functions) + 1} with {arguments} words: there are "
                f"{HOST_CALLS}, with {len(WORDS)} words at most"
            )
        answer = self._small(Ask.HOST_CALL)
        if answer[2] >= 1 << 32:
            self._nonsense(f"a host call at {answer[2]:#x}")
        self._functions.append((function, arguments))
        return answer[2]

    def call(self, entry: int, arguments: tuple[int, ...], budget: int) -> CodeResult:
        """See `CodeEngine.call`. What is no `HotswapError` in a host call is raised here."""
        if self._closed or self._until is not None:
            raise HotswapError("a card's code is called from its own host call, or closed")
        if len(arguments) > len(WORDS) or not 0 < budget < 1 << 32:
            raise HotswapError(f"{len(arguments)} arguments and {budget} instructions: too many")
        words = (*arguments, *WORDS[len(arguments) :])
        self._allowed = self._deadline * min(LONGEST, -(-budget // CYCLE))
        self._until = time.monotonic_ns() + self._allowed
        try:
            answer = self._ask(Ask.CALL, entry, budget, len(arguments), words=words)
            failure: BaseException | None = None
            while answer[0] == Answer.HOST_CALL:
                answer, failure = self._do_host_call(answer, failure)
            if failure is not None:
                raise failure
            return self._result(answer, budget)
        except SandboxError as error:
            return CodeResult(0, 0, CodeFault(str(error), 0))
        finally:
            self._until = None

    def _do_host_call(
        self, answer: tuple[int, ...], failure: BaseException | None
    ) -> tuple[tuple[int, ...], BaseException | None]:
        if answer[2] >= len(self._functions) or failure is not None:
            self._nonsense(f"host call {answer[2]}")
        function, count = self._functions[answer[2]]
        try:
            value = function(*answer[4 : 4 + count]) & _U64
        except HotswapError as error:
            if self._lost:
                raise SandboxError(self._lost) from error
            text = str(error).encode()[:PAYLOAD]
            return self._ask(Ask.FAIL, payload=text), None
        except BaseException as error:
            if self._lost:
                raise
            return self._ask(Ask.FAIL, payload=b"the host call failed"), error
        if self._closed:
            raise SandboxError("the engine was closed in a host call")
        return self._ask(Ask.RETURN, value & 0xFFFFFFFF, value >> 32), None

    def _result(self, answer: tuple[int, ...], budget: int) -> CodeResult:
        kind, _, value, instructions, *_words = answer
        if instructions > budget:
            self._nonsense(f"{instructions} instructions of {budget}")
        if kind == Answer.DONE:
            return CodeResult(value, instructions)
        if kind == Answer.REFUSED:
            self._nonsense(f"refused: {_text(self._payload(answer))}")
        if kind != Answer.FAULT:
            self._nonsense(f"answer {kind}")
        try:
            fault = msgspec.msgpack.decode(self._payload(answer), type=CodeFault)
        except msgspec.MsgspecError:
            self._nonsense("a fault of no known form")
        return CodeResult(0, instructions, _checked(fault))

    # -- the end ------------------------------------------------------------------------------

    def _kill(self) -> None:
        self._lost = self._lost or "the card's process was stopped in the middle of a call"
        if not self._closed:
            with suppress(ProcessLookupError):  # it has ended by itself
                signal.pidfd_send_signal(self._child.process, signal.SIGKILL)

    def close(self) -> None:
        """See `CodeEngine.close`: the process is killed."""
        if self._closed:
            return
        self._kill()
        self._closed = True
        self._words.release()
        self._memory.release()
        self._child.memory.close()
        for file in (self._child.wake, self._child.wait, self._child.process):
            os.close(file)


def _check(address: int, size: int) -> None:
    if not 0 <= address < address + size <= 1 << 32:
        raise HotswapError(f"memory of a card's code at {address:#x}+{size:#x} is not mapped")


def _text(content: bytes) -> str:
    """A line the process has written: nothing that could play tricks with a terminal."""
    return "".join(c if c.isprintable() else "?" for c in content.decode(errors="replace")[:500])


def _checked(fault: CodeFault) -> CodeFault:
    numbers = (fault.eip, fault.address or 0, *fault.callers[:32])
    eip, address, *callers = (number & 0xFFFFFFFF for number in numbers)
    return CodeFault(
        _text(fault.reason.encode(errors="replace")),
        eip,
        None if fault.address is None else address,
        tuple(callers),
    )
