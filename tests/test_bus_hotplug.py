"""Cards come and go in the middle of everything: no cycle, line or lease is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    MachineClock,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.bus.burst import BURST, MOVED, OFFER
from hotswap.bus.latches import STORED, STORES
from hotswap.host.pytest_plugin import Ports, VirtualClock

SPOTS = 4
"""Places cards can be in; two neighbours share a port and a line."""
SLOTS = 5


class PieceState(State):
    count: int = 0
    latch: int = 0


class Piece(Card[PieceState]):
    """Answers with its number, drives its lines as it is told by OUT."""

    name = "piece"
    state_type = PieceState

    def __init__(self, spot: int = 0) -> None:
        super().__init__()
        self.spot = spot

    def resources(self) -> Resources:
        first = 0x300 + 3 * self.spot
        ports = (PortRange(first, 4),)
        return Resources(ports=ports, irqs=(3 + self.spot,), drqs=(self.spot % 2,))

    def read(self, port: int, width: int) -> int:
        self.state.count += 1
        return self.spot

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.irq.set(bool(value & 1))
        self.slot.drq.set(bool(value & 2))

    async def run(self, slot: Slot) -> None:
        async for _ in slot.commands:
            self.state.count += 100


class Modelled(NamedTuple):
    """What is known of a slot: its card's spot, its lines, and whether it has raised."""

    spot: int
    irq: bool = False
    drq: bool = False
    faulty: bool = False


step = st.one_of(
    st.tuples(st.just("insert"), st.integers(0, SLOTS - 1), st.integers(0, SPOTS - 1)),
    st.tuples(
        st.sampled_from(["remove", "fault", "replace"]), st.integers(0, SLOTS - 1), st.just(0)
    ),
    st.tuples(st.just("write"), st.integers(0, SLOTS - 1), st.integers(0, 3)),
    st.tuples(st.sampled_from(["freeze", "thaw"]), st.just(0), st.just(0)),
)


class Model:
    """A backplane, and what it should be like."""

    def __init__(self, backplane: Backplane) -> None:
        self.backplane = backplane
        self.ports = Ports(backplane)
        self.slots: dict[int, Modelled] = {}
        self.frozen = False

    def _fits(self, spot: int) -> bool:
        line = any(spot % 2 == other.spot % 2 for other in self.slots.values())
        return not line and not self._near(spot, self.slots.values())

    def _near(self, spot: int, others: Iterable[Modelled]) -> bool:
        """Whether a port is in common with a card on the bus."""
        return any(abs(spot - other.spot) <= 1 and not other.faulty for other in others)

    async def do(self, what: str, slot: int, argument: int) -> None:
        plane = self.backplane
        there = self.slots.get(slot)
        if what == "insert":
            if there is None and self._fits(argument):
                await plane.insert(Piece(argument), slot)
                self.slots[slot] = Modelled(argument)
            else:
                with pytest.raises(BusError):
                    await plane.insert(Piece(argument), slot)
        elif what == "freeze":
            assert await plane.quiesce(each=5, total=5) == []
            self.frozen = True
        elif what == "thaw":
            plane.thaw()
            self.frozen = False
        elif there is None:
            if what != "write":
                with pytest.raises(BusError):
                    await (
                        plane.remove(slot) if what != "replace" else plane.replace(slot, Piece())
                    )
        elif what == "remove":
            await plane.remove(slot)
            del self.slots[slot]
        elif what == "fault":
            plane.find(slot).set_fault(ZeroDivisionError("as asked for"))
            self.slots[slot] = there._replace(faulty=True)
        elif what == "replace" and there.faulty and self._near(there.spot, self.slots.values()):
            with pytest.raises(BusError):
                await plane.replace(slot, Piece(there.spot))
        elif what == "replace":
            await plane.replace(slot, Piece(there.spot))
            self.slots[slot] = there._replace(faulty=False)
        elif what == "write":
            self.ports.write(0x300 + 3 * there.spot + 1, argument)
            if not there.faulty:
                lines = {"irq": bool(argument & 1), "drq": bool(argument & 2)}
                self.slots[slot] = there._replace(**lines)

    async def check(self) -> None:
        await wait_all_tasks_blocked()
        plane = self.backplane
        assert plane.slots.keys() == self.slots.keys()
        holders: dict[int, int] = {}
        irqs, drqs = [False] * 16, [False] * 8
        for number, each in self.slots.items():
            slot = plane.slots[number]
            assert (slot.fault is not None) == each.faulty
            assert slot.running == (not each.faulty and not self.frozen)
            assert plane.irq.holder(3 + each.spot) == number
            if not each.faulty:
                holders |= dict.fromkeys(
                    range(0x300 + 3 * each.spot, 0x304 + 3 * each.spot), number
                )
                irqs[3 + each.spot], drqs[each.spot % 2] = each.irq, each.drq
        for port in range(0x2FE, 0x312):
            holder = plane.io.holder(port)
            assert (None if holder is None else holder.number) == holders.get(port)
            expected = 0xFF if port not in holders else self.slots[holders[port]].spot
            assert self.ports.read(port) == expected
        assert (plane.irq.levels, plane.drq.levels) == (irqs, drqs)
        assert sum(plane.irq.holder(line) is not None for line in range(16)) == len(self.slots)


@settings(max_examples=40)
@given(st.lists(step, max_size=25))
def test_leases_lines_and_tasks_are_as_a_model_has_them(steps: list[tuple[str, int, int]]) -> None:
    async def play() -> None:
        async with open_backplane(MachineClock(lambda: 0)) as backplane:
            with backplane.listening(lambda event: None):
                model = Model(backplane)
                for each in steps:
                    await model.do(*each)
                    await model.check()

    trio.run(play)


# -- in the middle of something -----------------------------------------------------------------


async def removed(slot: Slot) -> Backplane:
    await slot.backplane.remove(slot.number)
    return slot.backplane


async def test_lines_that_are_high_fall_with_an_edge(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(Piece())
    ports.write(0x301, 3)
    backplane.irq.take()
    backplane.drq.take()
    await removed(slot)
    assert [(edge.line, edge.level) for edge in backplane.irq.take()] == [(3, False)]
    assert [(edge.line, edge.level) for edge in backplane.drq.take()] == [(0, False)]
    slot.irq.set(True)  # whoever still has the wire drives nothing
    assert not backplane.irq.levels[3]


async def test_an_alarm_that_was_set_never_rings(
    backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    class Rings(Piece):
        rang = 0

        async def run(self, slot: Slot) -> None:
            with slot.calling(self._ring):
                await trio.sleep_forever()

        def _ring(self) -> None:
            Rings.rang += 1

    slot = await backplane.insert(Rings())
    slot.alarm.set(100)
    slot.new_alarm().set(100)
    await removed(slot)
    await virtual_clock.advance(1000)
    assert Rings.rang == 0
    assert backplane.clock.armed == 0


async def test_a_back_end_that_waits_is_let_go(backplane: Backplane) -> None:
    slot = await backplane.insert(Piece())
    ended: list[str] = []

    async def serve(name: str, wait: Any) -> None:
        with slot.connected():
            await wait()
        ended.append(name)

    async with trio.open_nursery() as nursery:
        slot.output.write(b"x")
        waits = {
            "room": slot.output.room,
            "input": slot.input.wait,
            "frames": slot.frames_out.ready,
            "drained": slot.output.drained,
        }
        for name, wait in waits.items():
            nursery.start_soon(serve, name, wait)
        await wait_all_tasks_blocked()
        await removed(slot)
    assert sorted(ended) == ["drained", "frames", "input", "room"]


async def test_a_back_end_that_comes_too_late_ends_at_once(backplane: Backplane) -> None:
    slot = await backplane.insert(Piece())
    await removed(slot)
    with trio.fail_after(5), slot.connected():
        await trio.sleep_forever()


async def test_what_was_sent_leaves_before_the_cable_is_pulled(backplane: Backplane) -> None:
    slot = await backplane.insert(Piece())
    sent = bytearray()

    async def serve() -> None:
        with slot.connected():
            while True:
                await slot.output.ready()
                await trio.lowlevel.checkpoint()
                sent.extend(slot.output.take(2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        await wait_all_tasks_blocked()
        slot.output.write(b"seven letters")
        await backplane.remove(slot.number, drain=5)
    assert sent == b"seven letters"


async def test_a_latch_and_a_burst_reach_the_card_before_it_is_pulled(backplane: Backplane) -> None:
    class Latched(Piece):
        got = 0

        def resources(self) -> Resources:
            return Resources(ports=(PortRange(0x300, 4),), latches={0x302: "latch"})

        def write(self, port: int, width: int, value: int) -> None:
            self.slot.burst_out(port, 1, 8)

        def burst_written(self, port: int, content: bytes) -> None:
            Latched.got += len(content)

    slot = await backplane.insert(Latched())
    cells = backplane.io.latches.cells
    slot.card.write(0x300, 1, 0)
    cells[BURST], cells[MOVED] = cells[OFFER], 3  # as the processor's native code leaves it
    cells[0x302] = STORED | 0x5A
    cells[STORES], cells[STORES + 1] = 1, 0x302
    await removed(slot)
    assert (Latched.got, slot.card.state.latch) == (3, 0x5A)
    assert cells[0x302] == 0
    assert cells[OFFER] == 0


async def test_the_same_slot_is_free_while_the_old_task_still_ends(backplane: Backplane) -> None:
    class Slow(Piece):
        end = trio.Event()

        async def run(self, slot: Slot) -> None:
            try:
                await trio.sleep_forever()
            finally:
                with trio.CancelScope(shield=True):
                    await self.end.wait()

    slot = await backplane.insert(Slow(), 2)
    await wait_all_tasks_blocked()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(removed, slot)
        await wait_all_tasks_blocked()
        twin = await backplane.insert(Piece(), 2)
        await wait_all_tasks_blocked()
        assert twin.running
        Slow.end.set()
    assert backplane.find(2) is twin


async def test_without_a_controller_edges_are_not_kept(backplane: Backplane) -> None:
    class Cpu:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: None

    cpu: Any = Cpu()
    backplane.cpu = cpu
    slot = await backplane.insert(Piece())
    for _ in range(1000):
        slot.irq.pulse()
        slot.drq.pulse()
        backplane.settle_order()
    assert backplane.irq.snapshot().edges == backplane.drq.snapshot().edges == []


async def test_a_card_that_has_raised_is_not_replaced_where_another_is_by_now(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(Piece(0), 2)
    with backplane.listening(lambda event: None):
        slot.set_fault(ZeroDivisionError("as asked for"))
    successor = await backplane.insert(Piece(1))
    with pytest.raises(BusError, match=r"port 0x0303 .* is taken by card piece in slot 0"):
        await backplane.replace(2, Piece(0))
    assert (slot.fault is None, backplane.io.holder(0x303)) == (False, successor)
    await backplane.remove(0)
    await backplane.replace(2, Piece(0))
    assert backplane.io.holder(0x303) is slot


async def test_an_insertion_that_is_cancelled_leaves_the_slot_empty_or_gives_it(
    backplane: Backplane,
) -> None:
    with trio.CancelScope() as before:
        before.cancel()
        await backplane.insert(Piece(), 1)
    assert before.cancelled_caught
    assert not backplane.slots

    class Cancels(Piece):
        def plugged(self, slot: Slot) -> None:
            meanwhile.cancel()

    given = None
    with trio.CancelScope() as meanwhile:
        given = await backplane.insert(Cancels(), 1)
    assert given is backplane.slots[1]
