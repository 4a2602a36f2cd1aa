"""A `CodeEngine` in a process of its own, asked through shared memory, with a deadline.

Nothing here waits longer than that: a process that does not answer in time, has ended, or answers
what makes no sense is killed, and the call ends with a fault that says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from hotswap.bus import HotswapError
from hotswap.bus.code_engine import CodeFault, CodeResult

from .talk import Child, Talk
from .wire import HOST_CALLS, PAYLOAD, WORDS, Answer, Ask, SandboxError

DEADLINE = 1_000_000
"""Longest a port cycle waits, ns; a call that may execute more has that much longer."""
CYCLE = 20_000
"""Instructions a port cycle may take; see hotswap.cards.elf.Budgets."""
LONGEST = 100
"""Times the deadline, at most."""
SETTING_UP = 50_000_000
"""Longest anything but a call waits, ns: mapping, reading and writing memory."""
_U64 = (1 << 64) - 1


class ProcessEngine:
    """See `CodeEngine`. `deadline` is that of a port cycle, ns."""

    def __init__(self, child: Child, deadline: int = DEADLINE) -> None:
        self._child = child
        self._talk = Talk(child)
        self._deadline = deadline
        self._functions: list[tuple[Callable[..., int], int]] = []
        self._until: int | None = None  # when the call under way must be over
        self._allowed = max(SETTING_UP, deadline)

    def _ask(
        self,
        ask: Ask,
        *numbers: int,
        words: tuple[int, ...] = WORDS,
        payload: bytes = b"",
    ) -> tuple[int, ...]:
        until, allowed = self._until, self._allowed
        if until is None:
            allowed = max(SETTING_UP, self._deadline)
            until = time.monotonic_ns() + allowed
        return self._talk.ask(until, allowed, ask, *numbers, words=words, payload=payload)

    def _small(self, ask: Ask, *numbers: int, payload: bytes = b"") -> tuple[int, ...]:
        """A question whose answer is DONE, or a refusal. Raises `HotswapError`."""
        if self._talk.closed:
            raise SandboxError("the card's process is closed")
        answer = self._ask(ask, *numbers, payload=payload)
        if answer[0] == Answer.REFUSED:
            raise HotswapError(_text(self._talk.payload(answer)))
        if answer[0] != Answer.DONE:
            self._talk.nonsense(f"answer {answer[0]}")
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
            content = self._talk.payload(self._small(Ask.READ, at, count))
            if len(content) != count:
                self._talk.nonsense(f"{len(content)} bytes for {count}")
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
            self._talk.nonsense(f"a host call at {answer[2]:#x}")
        self._functions.append((function, arguments))
        return answer[2]

    def call(self, entry: int, arguments: tuple[int, ...], budget: int) -> CodeResult:
        """See `CodeEngine.call`. What is no `HotswapError` in a host call is raised here."""
        if self._talk.closed or self._until is not None:
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
            self._talk.nonsense(f"host call {answer[2]}")
        function, count = self._functions[answer[2]]
        try:
            value = function(*answer[4 : 4 + count]) & _U64
        except HotswapError as error:
            if self._talk.lost:
                raise SandboxError(self._talk.lost) from error
            text = str(error).encode()[:PAYLOAD]
            return self._ask(Ask.FAIL, payload=text), None
        except BaseException as error:
            if self._talk.lost:
                raise
            return self._ask(Ask.FAIL, payload=b"the host call failed"), error
        if self._talk.closed:
            raise SandboxError("the engine was closed in a host call")
        return self._ask(Ask.RETURN, value & 0xFFFFFFFF, value >> 32), None

    def _result(self, answer: tuple[int, ...], budget: int) -> CodeResult:
        kind, _, value, instructions, *_words = answer
        if instructions > budget:
            self._talk.nonsense(f"{instructions} instructions of {budget}")
        if kind == Answer.DONE:
            return CodeResult(value, instructions)
        if kind == Answer.REFUSED:
            self._talk.nonsense(f"refused: {_text(self._talk.payload(answer))}")
        if kind != Answer.FAULT:
            self._talk.nonsense(f"answer {kind}")
        try:
            fault = msgspec.msgpack.decode(self._talk.payload(answer), type=CodeFault)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            self._talk.nonsense("a fault of no known form")
        return CodeResult(0, instructions, _checked(fault))

    # -- the end ------------------------------------------------------------------------------

    def close(self) -> None:
        """See `CodeEngine.close`: the process is killed."""
        self._talk.close()


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
