"""What the new kernel finds of a card is what the card's policy says; undone, it is as it was."""

from __future__ import annotations

import pytest

from hotswap.bus import Card, Policy, PortRange, SavedState, Settings, Slot, State, StateError
from hotswap.cards.i8259 import I8259
from hotswap.host.board import Board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Refused
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

from . import faults
from .conftest import MS
from .test_rolls_back import switch_with

PORT = 0x2A0


class MeterSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """A jumper."""

    scale: int = 3


class MeterState(State):
    scale: int = 0
    value: int = 0


class Meter(Card[MeterState]):
    """A register, a queue, an IRQ line and an output."""

    name = "meter"
    ports = PortRange(PORT, 1)
    irq = 5
    state_type = MeterState
    settings_type = MeterSettings
    settings: MeterSettings

    def power_on(self) -> None:
        self.state = MeterState(scale=self.settings.scale)

    def read(self, port: int, width: int) -> int:
        return self.state.value

    def write(self, port: int, width: int, value: int) -> None:
        self.state.value = value

    async def run(self, slot: Slot) -> None:
        async for _ in slot.commands:
            await slot.clock.sleep_until(slot.clock.now() + 10_000 * MS)


class Carried(Meter):
    switchover = Policy.CARRY


class Afresh(Meter):
    switchover = Policy.REINITIALISE


class Reset(Meter):
    switchover = Policy.COLD_RESET


class Refusing(Meter):
    switchover = Policy.REFUSE


async def at_work(guest: Guest, card: Meter) -> Slot:
    """The card on the bus, used: a value, a command that waits, a high line, something sent."""
    guest.boot(["memory:12"])
    await guest.pass_time(20 * MS)
    slot = await guest.board.backplane.insert(card)
    write = guest.board.backplane.io.writes[1][PORT]
    write(PORT, 1, 0x42)
    slot.post("work")
    slot.irq.set(True)
    slot.output.write(b"sent")
    return slot


def found(board: Board, slot: Slot) -> tuple[int, int, int, bool, bytes]:
    """What is left of it: value by a bus cycle, setting, commands, line, output."""
    value = board.backplane.io.reads[1][PORT](PORT, 1)
    state = slot.card.state
    return value, state.scale, len(slot.commands), slot.irq.level, slot.output.peek()


USED = (0x42, 7, 1, True, b"sent")
NEW = (0, 7, 0, False, b"sent")


@pytest.mark.parametrize(
    ("kind", "left"),
    [(Carried, USED), (Afresh, NEW), (Reset, NEW)],
    ids=["carry", "reinitialise", "cold reset"],
)
async def test_the_new_kernel_finds_what_the_policy_says(
    guest: Guest, kind: type[Meter], left: tuple[int, int, int, bool, bytes]
) -> None:
    slot = await at_work(guest, kind(MeterSettings(scale=7)))
    board = guest.board
    seen = []

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.NEWINIT.name, "begun"):
            seen.append(found(board, slot))

    options = Options(probation_ms=0, patience=PATIENCE)
    report = await Switchover(board.machine, refkernel(2), options, tell).run()
    assert report.outcome == "committed", report.reason
    assert seen == [left]
    assert slot.running
    assert report.plan is not None
    facts = next(each for each in report.plan.cards if each.card == "meter")
    assert facts.policy == kind.switchover.value


@pytest.mark.parametrize("kind", [Carried, Afresh, Reset])
async def test_after_a_rollback_it_is_as_it_was(guest: Guest, kind: type[Meter]) -> None:
    slot = await at_work(guest, kind(MeterSettings(scale=7)))
    report = await switch_with(guest.board, refkernel(2), Phase.NEWINIT, faults.triple_fault)
    assert report.phase == Phase.NEWINIT.name
    assert found(guest.board, slot) == USED


async def test_a_card_that_refuses_is_named(guest: Guest) -> None:
    await at_work(guest, Refusing(MeterSettings(scale=7)))
    with pytest.raises(Refused, match="card meter forbids a switchover") as caught:
        await Switchover(guest.board.machine, refkernel(2), Options(patience=PATIENCE)).run()
    assert caught.value.fault_of == "card meter"


async def test_the_chips_that_are_programmed_anew_wait_for_it(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["ticker:40:5"])
    await guest.pass_time(20 * MS)
    board = guest.board
    vectors: list[int] = []

    def tell(event: PhaseEvent) -> None:
        if event.phase == Phase.SWITCH.name:
            vectors.append(board.slot("pic").card.state.first.vector)

    options = Options(patience=PATIENCE)
    report = await Switchover(board.machine, refkernel(2), options, tell).run()
    assert report.outcome == "committed", report.reason
    vectors.append(board.slot("pic").card.state.first.vector)
    assert vectors == [0x20, I8259().vector, 0x40]  # as each kernel programs it
    assert {verdict.split()[0] for verdict in (await guest.reported()).values()} == {"ok"}


async def test_a_card_that_begins_anew_and_raises_is_undone(guest: Guest) -> None:
    class Broken(Afresh):
        def reinitialise(self) -> None:
            raise RuntimeError("smoke")

    slot = await at_work(guest, Broken(MeterSettings(scale=7)))
    report = await switch_with(guest.board, refkernel(2), Phase.PROBATION, lambda board: None)
    assert (report.phase, report.fault_of) == (Phase.SWITCH.name, "card meter")
    assert "smoke" in report.reason
    assert found(guest.board, slot) == USED


class Speechless(Meter):
    """Its state is no plain data once `value` is 99."""

    def save(self) -> SavedState:
        if self.state.value == 99:
            raise StateError("field queue: its length is 512, there is room for 32")
        return super().save()


@pytest.mark.parametrize("phase", [Phase.STAGE, Phase.SAVE], ids=lambda phase: phase.name)
async def test_a_card_that_gives_no_state_is_named_and_blamed(guest: Guest, phase: Phase) -> None:
    slot = await at_work(guest, Speechless())

    def break_it(_board: Board) -> None:
        slot.card.state.value = 99

    report = await switch_with(guest.board, refkernel(2), phase, break_it)
    assert (report.phase, report.fault_of) == (phase.name, "card meter")
    assert report.reason.startswith("card meter: it gives no state: field queue: its length is 512")
    await guest.board.backplane.remove(slot.number)
    report = await Switchover(
        guest.board.machine, refkernel(2), Options(probation_ms=0, patience=PATIENCE)
    ).run()
    assert report.outcome == "committed", report.reason
