"""Injections by place: refused, listed, removed; what becomes of them with their cards."""

from __future__ import annotations

import re

import pytest
import trio

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardFault,
    MachineClock,
    MemoryRange,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.bus.cycle import Space
from hotswap.bus.injection import (
    AnyFault,
    Corrupt,
    Delay,
    DelayIrq,
    Drop,
    HangCard,
    KillCard,
    LoseDrq,
    LoseIrq,
    LoseTc,
    StormIrq,
)
from hotswap.bus.latches import LATCH
from hotswap.host.discovery import make_card
from hotswap.host.pytest_plugin import Ports, VirtualClock

PORT = 0x300


class EchoState(State):
    latch: int = 0
    done: int = 0
    ticks: int = 0


class Echo(Card[EchoState]):
    """Counts what is written, in its task; ticks every microsecond."""

    name = "echo"
    state_type = EchoState

    def resources(self) -> Resources:
        return Resources(
            ports=(PortRange(PORT, 2),), irqs=(5,), drqs=(1,),
            windows=(MemoryRange(0xD0000, 4096),), latches={PORT + 1: "latch"},
        )  # fmt: skip

    def read(self, port: int, width: int) -> int:
        return self.state.done if port == PORT else self.state.latch

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.post(value)

    async def run(self, slot: Slot) -> None:
        def tick() -> None:
            self.state.ticks += 1
            slot.alarm.set(slot.clock.now() + 1000)

        with slot.calling(tick):
            slot.alarm.set(slot.clock.now() + 1000)
            async for _ in slot.commands:
                await trio.lowlevel.checkpoint()
                self.state.done += 1


@pytest.fixture
async def slot(backplane: Backplane) -> Slot:
    return await backplane.insert(Echo())


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Drop(first=0x500), "drop port 0x0500: no card answers at port 0x0500; insert it first"),
        (
            Drop(first=0x100000, space=Space.MEMORY),
            "no card answers at memory 0x00100000 (what is RAM has no bus cycles)",
        ),
        (LoseIrq(irq=16), "lose IRQ 16: there is no IRQ 16; use 0 to 15"),
        (StormIrq(irq=-1, ns=10_000), "there is no IRQ -1; use 0 to 15"),
        (LoseIrq(irq=6), "no card drives IRQ 6; insert it first"),
        (DelayIrq(irq=6, ns=1), "no card drives IRQ 6"),
        (LoseDrq(drq=8), "there is no DRQ 8; use 0 to 7"),
        (LoseTc(drq=2), "lose TC of DRQ 2: no card drives DRQ 2"),
        (HangCard(card="disk"), "no card called disk is plugged in; there are: echo"),
        (KillCard(card=7), "slot 7 is empty; taken are: 0 echo"),
    ],
)
async def test_a_place_that_is_not_there_is_refused_by_name(
    fault: AnyFault, why: str, backplane: Backplane, slot: Slot
) -> None:
    with pytest.raises(BusError, match=re.escape(why)):
        backplane.injections.add(fault)
    assert list(backplane.injections) == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Drop(first=PORT, last=PORT + 1), Corrupt(first=PORT + 1, xor=1, direction="in")),
        (LoseIrq(irq=5), DelayIrq(irq=5, ns=1)),
        (LoseIrq(irq=5), StormIrq(irq=5, ns=10_000)),
        (LoseDrq(drq=1), LoseDrq(drq=1)),
        (LoseTc(drq=1), LoseTc(drq=1)),
        (HangCard(card="echo"), HangCard(card=0)),
    ],
)
async def test_two_at_one_place_are_refused_naming_the_first(
    first: AnyFault, second: AnyFault, backplane: Backplane, slot: Slot
) -> None:
    backplane.injections.add(first)
    with pytest.raises(BusError, match=re.escape(f"{second}: injection 1 ({first}) is there")):
        backplane.injections.add(second)
    backplane.injections.remove(1)
    assert backplane.injections.add(second).number == 2


async def test_neighbours_and_other_lines_are_no_conflict(backplane: Backplane, slot: Slot) -> None:
    for fault in (
        Drop(first=PORT, direction="in"), Drop(first=PORT, direction="out"), Drop(first=PORT + 1),
        LoseIrq(irq=5), LoseDrq(drq=1), LoseTc(drq=1),
    ):  # fmt: skip
        backplane.injections.add(fault)
    assert [injection.number for injection in backplane.injections] == [1, 2, 3, 4, 5, 6]
    backplane.injections.clear()
    assert len(backplane.injections) == 0
    assert (backplane.irq.faulty, backplane.drq.faulty, backplane.injections.tc) == ({}, {}, {})


async def test_a_clock_that_cannot_wait_refuses_delays() -> None:
    async with open_backplane(MachineClock(lambda: 0)) as backplane:
        await backplane.insert(Echo())
        with pytest.raises(BusError, match="clock cannot wait"):
            backplane.injections.add(Delay(first=PORT, ns=1))
        with pytest.raises(BusError, match="inject no delay"):
            backplane.clock.wait(1)


async def test_what_is_not_there_cannot_be_removed(backplane: Backplane, slot: Slot) -> None:
    with pytest.raises(BusError, match="there is no injection 3; there are: none"):
        backplane.injections.remove(3)
    backplane.injections.add(LoseIrq(irq=5))
    with pytest.raises(BusError, match="there are: 1"):
        backplane.injections.remove(3)


async def test_no_latch_and_no_burst_goes_past_an_injected_port(
    backplane: Backplane, slot: Slot
) -> None:
    io = backplane.io
    assert io.latches.cells[PORT + 1] == LATCH
    backplane.injections.add(Drop(first=PORT + 1))
    assert io.latches.cells[PORT + 1] == 0
    io.trace(True)
    io.trace(False)
    assert io.latches.cells[PORT + 1] == 0
    assert io.burst.barred(PORT + 1)
    assert not io.burst.barred(PORT)
    await backplane.remove(slot.number)
    await backplane.insert(Echo())
    assert io.latches.cells[PORT + 1] == 0
    backplane.injections.clear()
    assert io.latches.cells[PORT + 1] == LATCH


async def test_a_hung_card_answers_and_does_nothing_until_it_is_mended(
    backplane: Backplane, ports: Ports, slot: Slot, virtual_clock: VirtualClock
) -> None:
    await virtual_clock.advance(5_000)
    assert slot.card.state.ticks == 5
    injected = backplane.injections.add(HangCard(card="echo"))
    ports.write(PORT, 1)
    await virtual_clock.advance(5_000)
    assert ports.read(PORT) == 0
    assert (slot.card.state.ticks, len(slot.commands), slot.running) == (5, 1, False)
    backplane.injections.remove(injected.number)
    await virtual_clock.advance(5_000)
    assert ports.read(PORT) == 1
    assert slot.card.state.ticks == 10


async def test_a_hung_card_stays_so_through_freeze_and_thaw(
    backplane: Backplane, slot: Slot, virtual_clock: VirtualClock
) -> None:
    backplane.injections.add(HangCard(card=0))
    assert await backplane.quiesce(each=1, total=1) == []
    backplane.thaw()
    await virtual_clock.advance(5_000)
    assert not slot.running
    await backplane.quiesce(each=1, total=1)
    backplane.injections.clear()  # mended while frozen: it begins when all are thawed
    await virtual_clock.advance(5_000)
    assert not slot.running
    backplane.thaw()
    await virtual_clock.advance(5_000)
    assert slot.running


async def test_a_killed_card_has_a_fault_that_names_the_injection(
    backplane: Backplane, ports: Ports, slot: Slot
) -> None:
    heard: list[object] = []
    with backplane.listening(heard.append):
        injected = backplane.injections.add(KillCard(card="echo"))
    fault = CardFault(0, "echo", "InjectedFault: killed by injection 1")
    assert slot.fault == fault
    assert heard == [fault]
    assert ports.read(PORT) == 0xFF
    with pytest.raises(BusError, match="off the bus already"):
        backplane.injections.add(KillCard(card="echo"))
    backplane.injections.remove(injected.number)
    assert slot.fault == fault


async def test_a_pulled_card_takes_its_own_with_it_and_leaves_those_of_its_place(
    backplane: Backplane, ports: Ports, slot: Slot
) -> None:
    backplane.injections.add(HangCard(card="echo"))
    backplane.injections.add(Corrupt(first=PORT, high=0x80))
    backplane.injections.add(LoseIrq(irq=5))
    await backplane.remove(slot.number)
    assert [injection.number for injection in backplane.injections] == [2, 3]
    assert ports.read(PORT) == 0xFF
    other = await backplane.insert(Echo())
    assert ports.read(PORT) == 0x80
    other.irq.set(True)
    assert backplane.irq.take() == []
    assert not other.hung


async def test_a_rollback_gives_a_killed_card_back_and_keeps_the_injections(
    backplane: Backplane, ports: Ports, slot: Slot
) -> None:
    await backplane.quiesce(each=1, total=1)
    before = backplane.snapshot()
    backplane.injections.add(Corrupt(first=PORT, high=0x80))
    backplane.injections.add(KillCard(card="echo"))
    assert ports.read(PORT) == 0xFF
    backplane.restore(before)
    assert ports.read(PORT) == 0x80
    assert len(backplane.injections) == 2
    backplane.thaw()


async def test_a_real_uart_loses_the_byte_that_is_dropped_on_its_way(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock
) -> None:
    slot = await backplane.insert(make_card("uart"))
    backplane.injections.add(Drop(first=0x3F8, direction="out", value=ord("l"), times=1))
    ports.write(0x3F8 + 3, 0x03)
    for letter in b"hello":
        ports.write(0x3F8, letter)
        await virtual_clock.advance(10_000_000)
    assert slot.output.take() == b"helo"
