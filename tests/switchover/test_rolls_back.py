"""Whatever goes wrong in whatever phase ends back under the old kernel, with nothing lost."""

import copy
import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from hotswap.bus import BackplaneState
from hotswap.cpu import CpuState
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import crashing, refkernel
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Lost, RolledBack
from hotswap.switchover.image import KernelImage, load_image
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.report import PhaseEvent, Report

from . import faults
from .conftest import MS

GUESTS = Path(__file__).parents[1] / "guests"
PROGRAMS = ("memory:6", "registers:8", "pipes:3", "files:8")
SOME = (Phase.PREPARE, Phase.NEWINIT, Phase.PROBATION)
"""`hotswap-host prove faults` has all faults in all phases."""

Exact = tuple[str, CpuState, BackplaneState]


def exact_state(board: Board) -> Exact:
    """All that a guest could notice, but for the mailbox of the switchover itself.

    Of the PIT its counters and of the RTC its cells as they read now: up to when they have looked
    for ticks is their own bookkeeping.
    """
    memory = hashlib.blake2b()
    ram = board.processor.ram
    for start, end in ((0, 0xA0000), (0xC0000, ram.size)):
        memory.update(ram.read(start, end - start))
    cards = board.backplane.snapshot()
    apart = ("switchover", "pit", "cmos")
    cards.slots = [slot for slot in cards.slots if slot.saved.card not in apart]
    memory.update(repr(board.slot("pit").card.state.counters).encode())
    clock = copy.deepcopy(board.slot("cmos").card.state.chip)
    clock.settle(board.backplane.clock.now())
    memory.update(clock.cells)
    return memory.hexdigest(), board.processor.take_state(), cards


async def switch_with(
    board: Board,
    image: KernelImage,
    at: Phase,
    act: Callable[[Board], None],
    mode: BootMode = BootMode.DMA,
) -> Report:
    """Switch over and do `act` as phase `at` begins; the report of the rollback."""

    def tell(event: PhaseEvent) -> None:
        if event.phase == at.name and event.state == "begun":
            act(board)

    options = Options(mode=mode, probation_ms=100, patience=PATIENCE)
    with pytest.raises(RolledBack) as caught:
        await Switchover(board.machine, image, options, tell).run()
    return caught.value.report


async def goes_on(guest: Guest, switchover: SwitchKernel) -> None:
    """A later switchover succeeds and all programs end well."""
    report = await switchover(2)
    assert report.outcome == "committed", report.reason
    assert {verdict.split()[0] for verdict in (await guest.reported()).values()} == {"ok"}


@pytest.mark.parametrize("phase", SOME, ids=lambda phase: phase.name)
async def test_a_card_that_raises_is_back_on_the_bus_after_the_rollback(
    guest: Guest, switchover: SwitchKernel, phase: Phase
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    report = await switch_with(guest.board, refkernel(2), phase, faults.raising_card)
    assert report.phase == phase.name
    assert "cmos" in report.reason
    assert "smoke" in report.reason
    assert guest.board.slot("cmos").fault is None
    await goes_on(guest, switchover)


@pytest.mark.parametrize("phase", SOME, ids=lambda phase: phase.name)
async def test_cancelling_the_coordinator_rolls_back_and_is_cancelled(
    guest: Guest, switchover: SwitchKernel, phase: Phase
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    options = Options(probation_ms=20, patience=PATIENCE)
    outside = trio.CancelScope()

    def tell(event: PhaseEvent) -> None:
        if event.phase == phase.name and event.state == "begun":
            outside.cancel()

    transaction = Switchover(guest.board.machine, refkernel(2), options, tell)
    with outside:
        await transaction.run()
    assert outside.cancelled_caught
    assert transaction.report.outcome == "rolled back"
    await goes_on(guest, switchover)


@pytest.mark.parametrize(
    "phase",
    [Phase.PREPARE, Phase.SAVE, Phase.NEWINIT, Phase.PROBATION],
    ids=lambda phase: phase.name,
)
async def test_a_machine_that_ends_in_the_middle_waits_for_no_kernel(phase: Phase) -> None:
    ending = trio.CancelScope()

    def tell(event: PhaseEvent) -> None:
        if event.phase == phase.name and event.state == "begun":
            ending.cancel()

    with ending:
        async with open_board(BoardConfig(deterministic=True)) as board:
            guest = Guest(board)
            guest.boot(PROGRAMS)
            await guest.pass_time(20 * MS)
            options = Options(patience=1000)  # whoever waits, waits for long
            await board.in_background(Switchover(board.machine, refkernel(2), options, tell).run)
    assert ending.cancelled_caught


async def test_an_old_kernel_that_does_not_come_back_is_told_and_nothing_stays_held(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    board = guest.board
    with ExitStack() as standing:

        def tell(event: PhaseEvent) -> None:
            if event.phase == Phase.NEWINIT.name and event.state == "begun":
                faults.triple_fault(board)
            elif event.state == "failed":  # it stands still when it is to go on
                standing.enter_context(board.processor.standing())

        with pytest.raises(Lost, match="does not go on after the rollback"):
            await Switchover(board.machine, refkernel(2), Options(patience=2), tell).run()
        assert board.backplane.locked_by is None
    await goes_on(guest, switchover)


@pytest.mark.parametrize("phase", [Phase.QUIESCE, Phase.SAVE], ids=lambda phase: phase.name)
async def test_before_r1_the_machine_is_bit_for_bit_what_it_was_at_prepare(
    guest: Guest, phase: Phase
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    states: list[Exact] = []

    def tell(event: PhaseEvent) -> None:
        if event.state == "begun" and event.phase == Phase.PREPARE.name:
            states.append(exact_state(guest.board))
        if event.state == "begun" and event.phase == phase.name:
            faults.triple_fault(guest.board)

    options = Options(patience=PATIENCE)
    with pytest.raises(RolledBack):
        await Switchover(guest.board.machine, refkernel(2), options, tell).run()
    memory, processor, cards = exact_state(guest.board)
    assert memory == states[0][0]
    assert processor == states[0][1]
    assert cards == states[0][2]


@pytest.mark.parametrize(
    ("name", "phase"),
    [
        ("panic", Phase.NEWINIT),
        ("hang", Phase.NEWINIT),
        ("triple", Phase.NEWINIT),
        ("chatty4k", Phase.NEWINIT),
        ("stray", Phase.COMMIT),
        ("badecho", Phase.ECHO),
        ("late", Phase.PROBATION),
    ],
)
async def test_a_broken_new_kernel_is_found_out(
    guest: Guest, switchover: SwitchKernel, name: str, phase: Phase
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    report = await switchover(load_image(GUESTS / f"refkernel-v2-{name}.elf"))
    assert (report.outcome, report.phase) == ("rolled back", phase.name), report.reason
    assert (report.user_pages_copied > 0) == (name == "stray")
    await goes_on(guest, switchover)


async def test_a_kernel_that_crashes_at_its_first_instruction_is_found_out(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    report = await switchover(crashing(refkernel(2)))
    assert (report.outcome, report.phase) == ("rolled back", Phase.NEWINIT.name)
    assert "triple fault" in report.reason
    await goes_on(guest, switchover)


async def test_a_staged_image_that_was_changed_is_found_out_by_the_bootstrap(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)

    def flip(board: Board) -> None:
        at = board.machine.plan.stage.lo + 1000
        board.processor.write_memory(at, bytes([board.processor.read_memory(at, 1)[0] ^ 4]))

    report = await switch_with(guest.board, refkernel(2), Phase.SWITCH, flip, BootMode.LZ4)
    assert report.phase == Phase.DECODE.name
    assert "staged" in report.reason
    await goes_on(guest, switchover)


async def test_a_map_that_was_changed_is_refused_by_the_new_kernel(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)

    def flip(board: Board) -> None:
        state = board.slot("switchover").card.state
        at = state.ssm_pa + 300
        board.processor.write_memory(at, bytes([board.processor.read_memory(at, 1)[0] ^ 4]))

    report = await switch_with(guest.board, refkernel(2), Phase.NEWINIT, flip)
    assert report.phase == Phase.NEWINIT.name
    assert "map" in report.reason
    await goes_on(guest, switchover)


async def test_a_machine_that_is_reset_before_r0_starts_again(guest: Guest) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    report = await switch_with(
        guest.board, refkernel(2), Phase.STAGE, lambda board: board.processor.reset()
    )
    assert report.phase == Phase.STAGE.name
    await guest.pass_time(20 * MS)
    assert guest.text.count("switchover card at") == 2
