"""The rig: a board, and what a test does with it: insert cards, send, wait for what comes.

All limits are lengths of machine time (`"100 ms"`, or ns), from the call on. An expectation looks
at what has come and was not found by one before, then at what comes; it may run in any task,
several at a time.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import trio

from hotswap.bus import Backplane, Card, CycleRecord, Edge, Slot, TextScreen
from hotswap.bus.faulty_cycles import Injection
from hotswap.bus.injection import AnyFault
from hotswap.cpu import CodePool
from hotswap.host import keys
from hotswap.host.board import Board
from hotswap.host.discovery import card_of, fetch_card
from hotswap.host.duration import nanoseconds, words
from hotswap.host.screen import lines
from hotswap.host.virtual_clock import Ports

from .evidence import collect, trace_line
from .expectation import ExpectationFailed, Time, within
from .guard import guard, last_resort
from .recorder import Recorder
from .serial_line import SerialLine

Length: TypeAlias = str | int
"""Of machine time: `"1.5 ms"`, or a number of ns."""
LOOK_NS = 5_000_000
"""Machine time between two looks at the screen."""
SHOWN = 6
"""Events of a place that a failure shows."""

T = TypeVar("T")


class Rig:
    """A board and its instruments. Use the fixture `rig`, or `open_rig`."""

    def __init__(
        self,
        backplane: Backplane,
        time: Time,
        nursery: trio.Nursery,
        recorder: Recorder,
        board: Board | None = None,
    ) -> None:
        self.backplane = backplane
        self.ports = Ports(backplane)
        """IN and OUT as a guest would do them; of a board without a guest."""
        self.serial: dict[int, SerialLine] = {}
        """The far ends of the serial ports, by slot."""
        self.recorder = recorder
        self._board = board
        self._time, self._nursery = time, nursery
        self._pool: CodePool | None = None
        self._stack = ExitStack()
        for number, slot in sorted(backplane.slots.items()):
            cable = None if board is None else board.cables.get(number)
            if slot.title == "uart" and (cable is None or cable.to == "memory"):
                self._listen(slot)

    @property
    def board(self) -> Board:
        """The machine the guest runs on. Raises `RuntimeError` on a board without a processor."""
        if self._board is None:
            raise RuntimeError("this rig has no processor; mark the test with hotswap_machine")
        return self._board

    # -- cards ------------------------------------------------------------------------------------

    async def insert_card(
        self, card: str | Path | type[Card[Any]] | Card[Any], slot: int | None = None,
        **settings: Any,
    ) -> Slot:  # fmt: skip
        """Plug in a card, by its name, the path of an object file (`.o`), its class, or as it is.

        `slot` is by default the next free one. Raises `PluginError`, `ElfError`, `BusError`.
        """
        inserted = await self.backplane.insert(await self._made(card, settings), slot)
        if inserted.title == "uart":
            self._listen(inserted)
        return inserted

    async def _made(
        self, card: str | Path | type[Card[Any]] | Card[Any], settings: Mapping[str, Any]
    ) -> Card[Any]:
        if isinstance(card, Card):
            if settings:
                raise TypeError("a card that is made already has its settings")
            return card
        if isinstance(card, type):
            return card_of(card, settings)
        from hotswap.host.elf_cards import elf_card, is_elf_path  # not before one is wanted

        if not isinstance(card, Path) and not is_elf_path(card):
            return await fetch_card(card, settings)
        if self._pool is None:
            self._pool = self._stack.enter_context(CodePool())
        return elf_card(card, settings, self._pool)

    async def remove_card(self, slot: Slot | int) -> None:
        """Pull a card. Raises `BusError`."""
        await self.backplane.remove(slot if isinstance(slot, int) else slot.number)

    def inject(self, fault: AnyFault) -> Injection:
        """Let something go wrong on the bus, see docs/injection.md. Raises `BusError`."""
        return self.backplane.injections.add(fault)

    def close(self) -> None:
        """Give back what object files needed (called by `open_rig`)."""
        self._stack.close()

    # -- sending ----------------------------------------------------------------------------------

    def send_serial(self, text: str | bytes, *, port: int = 1) -> None:
        """Send it to serial port number `port`, as the far end of the line."""
        sent = text if isinstance(text, bytes) else text.encode()
        self._line(port).slot.input.feed(sent)

    def press_keys(self, text: str) -> None:
        """Type on the keyboard; `<...>` names a key, as for `hotswap-host keys`."""
        self.backplane.card("kbc").slot.input.feed(keys.text(text))

    async def pass_time(self, length: Length) -> None:
        """Let machine time pass. Raises `ExpectationFailed` when the guest ends meanwhile."""
        begun = self.now
        _, why = await within(self._time, _ns(length), trio.sleep_forever)
        if why:
            raise ExpectationFailed(f"{words(_ns(length))} do not pass from {_at(begun)}: {why}")

    @property
    def now(self) -> int:
        """Machine time in ns."""
        return self.backplane.clock.now()

    # -- expecting --------------------------------------------------------------------------------

    async def expect_serial(
        self, pattern: str, *, within: Length, port: int | Slot = 1
    ) -> re.Match[str]:
        """The next match (multi-line) of what comes out of serial port number `port`.

        Or of what any card sends to its output: give its slot. CR is left out.
        """
        line = self._line(port)
        wait = lambda: line.next(re.compile(pattern, re.MULTILINE))  # noqa: E731
        return await self._expect(
            wait, within, f"{pattern!r} from {line.slot.title}", lambda: _said(line)
        )

    async def expect_no_serial(self, pattern: str, *, within: Length, port: int | Slot = 1) -> None:
        """No match comes in that time."""
        line = self._line(port)
        wait = lambda: line.next(re.compile(pattern, re.MULTILINE))  # noqa: E731
        await self._expect_no(wait, within, f"{pattern!r} from {line.slot.title}")

    async def expect_screen(self, pattern: str, *, within: Length) -> re.Match[str]:
        """The text screen as soon as it matches (multi-line)."""
        clock, compiled = self.backplane.clock, re.compile(pattern, re.MULTILINE)

        async def look() -> re.Match[str]:
            while (found := compiled.search(self.screen)) is None:
                await clock.sleep_until(clock.now() + LOOK_NS)
            return found

        return await self._expect(
            look, within, f"{pattern!r} on the screen", lambda: f"it shows:\n{self.screen}"
        )

    async def expect_cycle(
        self,
        port: int,
        *,
        within: Length,
        write: bool | None = None,
        value: int | None = None,
        width: int | None = None,
    ) -> CycleRecord:
        """The next cycle of `port` as the CPU sees it: an OUT or IN (`write`), with that value."""
        what, wanted = _cycle(port, write, value, width)
        wait = lambda: self.recorder.cycles.next(("port", port), wanted)  # noqa: E731
        return await self._expect(wait, within, what, lambda: self._cycles_of(port))

    async def expect_no_cycle(
        self,
        port: int,
        *,
        within: Length,
        write: bool | None = None,
        value: int | None = None,
        width: int | None = None,
    ) -> None:
        """No such cycle comes in that time."""
        what, wanted = _cycle(port, write, value, width)
        wait = lambda: self.recorder.cycles.next(("port", port), wanted)  # noqa: E731
        await self._expect_no(wait, within, what)

    async def expect_irq(self, line: int, *, within: Length) -> Edge:
        """The next rising edge of IRQ `line`, as it reaches the interrupt controller."""
        wait = lambda: self.recorder.edges.next(("IRQ", line), _rise(line))  # noqa: E731
        return await self._expect(wait, within, f"IRQ {line}", lambda: self._edges_of(line))

    async def expect_no_irq(self, line: int, *, within: Length) -> None:
        """No rising edge comes in that time."""
        wait = lambda: self.recorder.edges.next(("IRQ", line), _rise(line))  # noqa: E731
        await self._expect_no(wait, within, f"IRQ {line}")

    @property
    def screen(self) -> str:
        """The text screen; empty in a graphics mode. Raises `BusError` where there is none."""
        shown = self.backplane.screen()
        if not isinstance(shown, TextScreen):
            return ""
        return "\n".join(line.rstrip() for line in lines(shown)).rstrip()

    # -- how --------------------------------------------------------------------------------------

    def _listen(self, slot: Slot) -> SerialLine:
        line = self.serial[slot.number] = SerialLine(slot)
        self._nursery.start_soon(line.listen)
        return line

    def _line(self, port: int | Slot) -> SerialLine:
        if isinstance(port, Slot):
            line = self.serial.get(port.number)
            return line if line is not None and line.slot is port else self._listen(port)
        there = [line for _, line in sorted(self.serial.items()) if self._is_in(line)]
        if not 1 <= port <= len(there):
            raise ValueError(f"there is no serial port {port}; there are {len(there)}")
        return there[port - 1]

    def _is_in(self, line: SerialLine) -> bool:
        slot = self.backplane.slots.get(line.slot.number)
        return slot is not None and slot is line.slot and slot.title == "uart"

    async def _expect(
        self,
        wait: Callable[[], Awaitable[T]],
        length: Length,
        what: str,
        instead: Callable[[], str],
    ) -> T:
        begun = self.now
        found, why = await within(self._time, _ns(length), wait)
        if found is None:
            because = f"; {why}" if why else ""
            raise ExpectationFailed(
                f"no {what} within {words(_ns(length))} of machine time from {_at(begun)}"
                f"{because}\n{instead()}"
            )
        return found

    async def _expect_no(
        self, wait: Callable[[], Awaitable[object]], length: Length, what: str
    ) -> None:
        begun = self.now
        found, why = await within(self._time, _ns(length), wait)
        if found is not None:
            shown = found[0] if isinstance(found, re.Match) else found
            raise ExpectationFailed(
                f"{what} came within {words(self.now - begun)} of machine time from {_at(begun)}, "
                f"where none was expected for {words(_ns(length))}: {shown}"
            )
        if why:
            raise ExpectationFailed(f"no {what}, but {why}")

    def _cycles_of(self, port: int) -> str:
        last = self.recorder.cycles.last(lambda each: each.address == port, SHOWN)
        there = [trace_line(self.backplane, each) for each in last]
        return "\n".join(["the last cycles of that port:", *(there or ["none"])])

    def _edges_of(self, line: int) -> str:
        last = self.recorder.edges.last(lambda each: each.line == line, SHOWN)
        there = [f"{each.time / 1e6:,.6f} ms {'rise' if each.level else 'fall'}" for each in last]
        return "\n".join(["the last edges of that line:", *(there or ["none"])])


def _ns(length: Length) -> int:
    return length if isinstance(length, int) else nanoseconds(length)


def _at(ns: int) -> str:
    return f"{ns / 1e6:,.6f} ms"


def _said(line: SerialLine) -> str:
    return f"what came and was not expected:\n{line.unread[-2000:]}"


def _rise(line: int) -> Callable[[Edge], bool]:
    return lambda edge: edge.line == line and edge.level


def _cycle(
    port: int, write: bool | None, value: int | None, width: int | None
) -> tuple[str, Callable[[CycleRecord], bool]]:
    verb = "cycle" if write is None else "OUT" if write else "IN"
    what = f"{verb} {port:#06x}" + ("" if value is None else f" value {value:#x}")

    def wanted(cycle: CycleRecord) -> bool:
        return (
            cycle.address == port
            and write in {None, cycle.write}
            and value in {None, cycle.value}
            and width in {None, cycle.width}
        )

    return what + ("" if width is None else f" width {width}"), wanted


@asynccontextmanager
async def open_rig(
    backplane: Backplane,
    time: Time,
    *,
    board: Board | None = None,
    trace: int = 40,
    seconds: float = 120,
) -> AsyncIterator[Rig]:
    """The instruments on `backplane`, whose machine time is `time`, for the time of the block.

    `board` is the machine it belongs to. The last `trace` records of the bus trace are kept for the
    report of a failure. The block ends with `GuardExpired` after so many host `seconds`.
    """
    recorder = Recorder(backplane, trace)
    with recorder.recording(), last_resort(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(guard, seconds)
            rig = Rig(backplane, time, nursery, recorder, board)
            try:
                yield rig
            finally:
                collect(backplane, recorder.tail, rig.serial.values())
                rig.close()
                nursery.cancel_scope.cancel()
