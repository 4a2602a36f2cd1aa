"""A rollback is as if nothing had happened since the snapshot, whatever did."""

from __future__ import annotations

import msgspec
import trio
from hypothesis import given
from hypothesis import strategies as st

from hotswap.bus import (
    Backplane,
    Card,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT = 0x300
NS = 100


class EchoState(State):
    got: list[int] = msgspec.field(default_factory=list)


class Echo(Card[EchoState]):
    """Sends each byte written to its port, and raises IRQ and DRQ, `NS` later."""

    name = "echo"
    state_type = EchoState

    def __init__(self, number: int = 0) -> None:
        super().__init__()
        self.number = number

    def resources(self) -> Resources:
        n = self.number
        return Resources(ports=(PortRange(PORT + n, 1),), irqs=(3 + n,), drqs=(n,))

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.post(value)

    async def run(self, slot: Slot) -> None:
        async for value in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + NS, slot.number)
            slot.output.write(bytes((value,)))
            self.state.got.append(value)
            slot.irq.pulse()
            slot.drqs[0].set(value & 1 == 1)


class Outside:
    """Three cards, and everything about them that can be seen from outside."""

    def __init__(self, backplane: Backplane, virtual: VirtualClock) -> None:
        self.backplane, self.virtual = backplane, virtual
        self.ports = Ports(backplane)
        self.slots: list[Slot] = []

    async def build(self) -> None:
        for n in range(3):
            self.slots.append(await self.backplane.insert(Echo(n)))

    async def do(self, action: tuple[str, int, int]) -> None:
        what, slot, value = action
        if what == "write":
            self.ports.write(PORT + slot, value)
        elif what == "feed":
            self.slots[slot].input.feed(bytes((value,)))
        elif what == "read":
            self.slots[slot].input.read(value)
        else:
            await self.virtual.advance(value)

    def look(self) -> object:
        lines = self.backplane.irq.snapshot(), self.backplane.drq.snapshot()
        edges = [[(e.line, e.level, e.time) for e in state.edges] for state in lines]
        return (
            [slot.card.save() for slot in self.slots],
            [slot.commands.snapshot() for slot in self.slots],
            [slot.output.peek() for slot in self.slots],
            [state.levels for state in lines],
            edges,
        )


actions = st.lists(
    st.tuples(
        st.sampled_from(["write", "feed", "read", "pass"]), st.integers(0, 2), st.integers(0, 255)
    ),
    max_size=12,
)


@given(actions, actions, st.booleans())
def test_a_rollback_is_as_if_nothing_had_happened(
    before: list[tuple[str, int, int]], after: list[tuple[str, int, int]], running: bool
) -> None:
    """Of a board that was frozen for the snapshot, or was running (a command in the middle)."""

    async def scenario() -> None:
        virtual = VirtualClock()
        async with open_backplane(virtual.machine) as backplane:
            board = Outside(backplane, virtual)
            await board.build()
            for action in before:
                await board.do(action)
            if not running:
                await backplane.quiesce(each=1, total=1)
            seen, saved = board.look(), backplane.snapshot()
            unread, now = [len(slot.input) for slot in board.slots], virtual.now
            backplane.hold_streams()
            backplane.thaw()
            for action in after:
                await board.do(action)
            await backplane.quiesce(each=1, total=1)
            backplane.restore(saved)
            backplane.rewind_streams()
            backplane.release_streams()
            assert board.look() == seen
            for what, number, _ in after:
                unread[number] += what == "feed"  # what came in meanwhile is not lost
            assert [len(slot.input) for slot in board.slots] == unread
            virtual.now = now
            backplane.thaw()
            await virtual.advance(len(before) * NS)
            for number, slot in enumerate(board.slots):  # all that was written is sent once
                sent = bytes(v for what, n, v in before if what == "write" and n == number)
                assert slot.output.peek() == sent

    trio.run(scenario)


async def test_a_hold_keeps_back_what_every_card_sends(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(Echo())
    backplane.hold_streams()
    ports.write(PORT, 0x41)
    slot.input.feed(b"x")
    slot.input.read(1)
    await virtual_clock.advance(NS)
    assert slot.output.peek() == b""
    assert len(slot.output) == 1
    backplane.rewind_streams()
    assert len(slot.output) == 0
    assert len(slot.input) == 1
    slot.output.write(b"again")
    backplane.release_streams()
    assert slot.output.peek() == b"again"
