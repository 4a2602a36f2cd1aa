"""DRQ and DACK: when a DMA controller has its turn, and what a card may do in it."""

from __future__ import annotations

import pytest
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Backplane, Card, DmaController, Slot, State

LINE = 3


class TapeState(State):
    written: bytes = b""
    ended: int = 0


class Tape(Card[TapeState]):
    """Gives letters, takes bytes, counts TC; `moves` is how many it says it took."""

    name = "tape"
    drq = LINE
    state_type = TapeState
    moves: int | None = None

    def dma_read(self, line: int, size: int) -> bytes:
        return b"abcdefgh"[: size if self.moves is None else self.moves]

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        self.state.written += content
        return len(content) if self.moves is None else self.moves

    def dma_end(self, line: int) -> None:
        self.state.ended += 1


class Broken(Card[State]):
    """Raises whatever is asked of it."""

    name = "broken"
    drq = LINE
    state_type = State

    def dma_read(self, line: int, size: int) -> bytes:
        raise RuntimeError("no tape")

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        raise RuntimeError("no tape")

    def dma_end(self, line: int) -> None:
        raise RuntimeError("no tape")


class Watcher(Card[State]):
    """A controller that notes the edges it is given."""

    name = "watcher"
    state_type = State

    def plugged(self, slot: Slot) -> None:
        self.seen: list[tuple[int, bool]] = []
        slot.backplane.dma = self

    def serve(self) -> None:
        self.seen += [(edge.line, edge.level) for edge in self.slot.backplane.drq.take()]


class Pins:
    """A CPU that counts kicks."""

    kicks = 0

    def kick(self) -> None:
        self.kicks += 1

    def sync_interrupts(self) -> None: ...

    def nmi(self) -> None: ...

    def set_a20(self, enabled: bool) -> None: ...

    def ignne(self) -> None: ...

    def reset(self) -> None: ...


async def test_a_request_kicks_the_cpu_and_is_served_when_the_order_is_settled(
    backplane: Backplane,
) -> None:
    watcher = Watcher()
    await backplane.insert(watcher)
    slot = await backplane.insert(Tape())
    pins = backplane.cpu = Pins()
    slot.drq.set(True)
    assert (pins.kicks, watcher.seen) == (1, [])
    backplane.settle_order()
    assert watcher.seen == [(LINE, True)]


async def test_requests_wait_from_freeze_to_thaw(backplane: Backplane) -> None:
    slot = await backplane.insert(Tape())
    watcher = Watcher()
    await backplane.insert(watcher)
    await backplane.quiesce(each=1, total=1)
    assert backplane.drq.held
    slot.drq.set(True)
    backplane.settle_order()
    assert watcher.seen == []
    backplane.thaw()
    assert not backplane.drq.held
    backplane.settle_order()
    assert watcher.seen == [(LINE, True)]


async def test_a_controller_that_is_removed_serves_no_more(backplane: Backplane) -> None:
    slot = await backplane.insert(Watcher())
    assert isinstance(backplane.dma, Watcher)
    controller: DmaController = backplane.dma
    controller.serve()
    await backplane.remove(slot.number)
    assert backplane.dma is None
    backplane.settle_order()


async def test_dack_reaches_the_card_on_the_line(backplane: Backplane) -> None:
    tape = Tape()
    await backplane.insert(tape)
    dack = backplane.acknowledge_dma(LINE)
    assert dack.read(3) == b"abc"
    assert dack.write(b"xyz", terminal=True) == 3
    dack.end()
    assert (tape.state.written, tape.state.ended) == (b"xyz", 1)


async def test_without_a_card_the_data_lines_float(backplane: Backplane) -> None:
    dack = backplane.acknowledge_dma(LINE)
    assert dack.read(2) == b"\xff\xff"
    assert dack.write(b"xyz", terminal=False) == 3
    dack.end()


@pytest.mark.parametrize("call", ["read", "write", "end"])
async def test_a_card_that_raises_is_off_the_bus(backplane: Backplane, call: str) -> None:
    slot = await backplane.insert(Broken())
    slot.drq.set(True)
    dack = backplane.acknowledge_dma(LINE)
    match call:
        case "read":
            assert dack.read(4) == b""
        case "write":
            assert dack.write(b"four", terminal=False) == 0
        case _:
            dack.end()
    assert slot.fault is not None
    assert "no tape" in slot.fault.what
    assert not slot.drq.level
    assert backplane.acknowledge_dma(LINE).read(1) == b"\xff"
    await wait_all_tasks_blocked()


@pytest.mark.parametrize("moves", [-1, 9])
async def test_a_card_that_takes_what_it_was_not_given_is_off_the_bus(
    backplane: Backplane, moves: int
) -> None:
    tape = Tape()
    tape.moves = moves
    slot = await backplane.insert(tape)
    assert backplane.acknowledge_dma(LINE).write(b"12345678", terminal=False) == 0
    assert slot.fault is not None
    assert "of 8" in slot.fault.what
    await wait_all_tasks_blocked()
