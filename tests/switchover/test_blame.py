"""A switchover that is undone says whose fault it was, what was saved and what to do next."""

import re
from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from hotswap.host.board import Board
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel
from hotswap.switchover import blame
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.options import Options
from hotswap.switchover.phases import LIMITS, Phase
from hotswap.switchover.report import PhaseEvent

from . import faults
from .conftest import MS
from .test_rolls_back import switch_with

R0, R1 = "as they were before PREPARE", "as they were at SAVE"


@pytest.mark.parametrize(
    ("phase", "fault", "fault_of", "why", "saved"),
    [
        (Phase.SAVE, faults.hang, blame.OLD, "instructions without an answer", R0),
        (Phase.NEWINIT, faults.hang, blame.NEW, "instructions without an answer", R1),
        (Phase.NEWINIT, faults.raising_card, "card cmos", "smoke", R1),
        (Phase.NEWINIT, faults.beat_without_progress, blame.NEW, "showed no progress", R1),
        (Phase.ECHO, faults.go_backwards, blame.NEW, "progress went back from 500 to 499", R1),
        (Phase.SAVE, faults.go_backwards, blame.OLD, "progress went back from 500 to 499", R0),
        (Phase.PROBATION, faults.answer_twice, blame.NEW, "ACK RESUMED code 0x0 was given", R1),
        (Phase.SAVE, faults.answer_early, blame.OLD, "ACK RESTORED code 0x0 is out of order", R0),
    ],
    ids=lambda value: getattr(value, "__name__", None) or getattr(value, "name", "-"),
)
async def test_whose_fault_it_is(
    guest: Guest,
    phase: Phase,
    fault: Callable[[Board], None],
    fault_of: str,
    why: str,
    saved: str,
) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    report = await switch_with(guest.board, refkernel(2), phase, fault)
    assert (report.phase, report.fault_of) == (phase.name, fault_of)
    assert why in report.reason
    assert saved in report.saved
    assert report.todo == blame.todo(fault_of)


async def test_a_host_without_time_is_not_taken_for_a_kernel_that_hangs(
    mock_clock: MockClock, guest: Guest
) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    board = guest.board

    async def stand_still() -> None:
        async with board.processor.paused():
            mock_clock.jump(LIMITS[Phase.NEWINIT].seconds + 0.001)  # nothing else takes host time

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.NEWINIT.name, "begun"):
            board.nursery.start_soon(stand_still)

    with pytest.raises(RolledBack, match="host that is slow or busy") as caught:
        await Switchover(board.machine, refkernel(2), Options(), tell).run()
    assert caught.value.report.fault_of == blame.SLOW


async def test_calling_it_off_is_nobodys_fault_but_the_operators(guest: Guest) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    scope = trio.CancelScope()

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.SAVE.name, "begun"):
            scope.cancel()

    transaction = Switchover(guest.board.machine, refkernel(2), Options(patience=20), tell)
    with scope:
        await transaction.run()
    report = transaction.report
    assert (report.fault_of, report.reason) == (blame.OPERATOR, "it was called off")


def test_everybody_who_can_be_at_fault_has_something_to_do() -> None:
    assert set(blame.ANSWERS) == set(Phase)
    assert set(blame.ANSWERS.values()) <= set(blame.ADVICE)
    assert blame.todo("card cmos").startswith("remove the card cmos")


async def test_a_blackout_beyond_its_budget_is_undone(mock_clock: MockClock, guest: Guest) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.NEWINIT.name, "begun"):
            mock_clock.jump(0.11)  # before the limit of the phase begins to count

    options = Options(blackout_max_ms=100)
    with pytest.raises(RolledBack, match=r"blackout: no end within 0\.1 s") as caught:
        await Switchover(guest.board.machine, refkernel(2), options, tell).run()
    assert caught.value.report.phase == Phase.NEWINIT.name
    assert caught.value.report.fault_of == blame.SLOW


async def test_a_kernel_that_does_not_get_on_is_found_out_long_before_the_end_of_its_phase(
    guest: Guest,
) -> None:
    guest.boot(["memory:6"])
    await guest.pass_time(20 * MS)
    report = await switch_with(guest.board, refkernel(2), Phase.NEWINIT, faults.hang)
    found = re.search(r"has executed ([\d,]+) instructions", report.reason)
    assert found is not None
    stall = LIMITS[Phase.NEWINIT].stall
    assert stall is not None
    assert stall <= int(found[1].replace(",", "")) < 2 * stall
