"""Probation: whatever is typed and printed in it is there once, under whichever kernel goes on."""

import re
from collections.abc import Callable

import pytest
import trio

from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import load_image
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent, Report

from .conftest import MS
from .faults import triple_fault
from .test_rolls_back import GUESTS

LINES = 12
TYPED = "".join(f"line {number}\n" for number in range(1, LINES + 1))


async def fail_late(guest: Guest, during: Callable[[PhaseEvent], None], ms: float = 100) -> Report:
    """A switchover whose new kernel crashes in the middle of probation."""

    def tell(event: PhaseEvent) -> None:
        if event.phase == Phase.PROBATION.name and event.state == "begun":
            alarm.start_soon(crash)
        during(event)

    async def crash() -> None:
        clock = guest.board.backplane.clock
        await clock.sleep_until(clock.now() + int(ms * MS / 2))
        triple_fault(guest.board)

    options = Options(probation_ms=ms, patience=PATIENCE)
    async with trio.open_nursery() as alarm:
        with pytest.raises(RolledBack) as caught:
            await Switchover(guest.board.machine, refkernel(2), options, tell).run()
    report: Report = caught.value.report
    assert report.phase == Phase.PROBATION.name, report.reason
    return report


def ticks(guest: Guest) -> list[int]:
    return [int(number) for number in re.findall(r"^tick (\d+) of", guest.text, re.MULTILINE)]


async def test_lines_read_by_the_new_kernel_are_read_again_by_the_old_one(guest: Guest) -> None:
    guest.boot([f"reader:{LINES}", "ticker:30:5"])
    await guest.pass_time(50 * MS)
    guest.type(TYPED[:10])

    def during(event: PhaseEvent) -> None:
        if event.phase == Phase.PROBATION.name and event.state == "begun":
            guest.type(TYPED[10:])

    await fail_late(guest, during)
    assert (await guest.reported())["reader"] == f"ok {LINES}"
    assert ticks(guest) == list(range(1, 31))


STEPS = ("quiesce", "restore", "rewind_streams", "thaw", "release_streams")


async def test_a_peer_that_types_on_and_on_is_heard_whole_and_in_order(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte at the beginning and end of each phase, and before each step of the rollback."""
    guest.boot([f"reader:{LINES}", "ticker:30:5"])
    await guest.pass_time(50 * MS)
    backplane, text, typed_in = guest.board.backplane, iter(TYPED), set()

    def type_one(when: str) -> None:
        typed_in.add(when)
        guest.type(next(text))

    def typing(name: str) -> Callable[..., object]:
        step: Callable[..., object] = getattr(backplane, name)

        def typing_first(*arguments: object, **options: object) -> object:
            type_one(name)
            return step(*arguments, **options)

        return typing_first

    for name in STEPS:
        monkeypatch.setattr(backplane, name, typing(name))
    await fail_late(guest, lambda event: type_one(f"{event.phase} {event.state}"))
    assert {*STEPS, "PREPARE begun", "SAVE done", "PROBATION begun", "PROBATION failed"} <= typed_in
    guest.type("".join(text))
    assert (await guest.reported())["reader"] == f"ok {LINES}"
    assert ticks(guest) == list(range(1, 31))


@pytest.mark.parametrize("late", [False, True], ids=["committed", "undone"])
async def test_a_long_probation_holds_what_fits_and_then_the_guest_waits(
    guest: Guest, switchover: SwitchKernel, late: bool
) -> None:
    """Half a second of machine time; the limit is made small so that it is reached."""
    guest.boot(["ticker:120:5", f"reader:{LINES}"])
    await guest.pass_time(50 * MS)
    output = guest.board.serial.output
    output.capacity = 32
    most = 0

    def during(event: PhaseEvent) -> None:
        if event.phase == Phase.PROBATION.name and event.state == "begun":
            guest.type(TYPED)

    write = output.write

    def measured(data: bytes) -> None:
        nonlocal most
        write(data)
        most = max(most, len(output))

    output.write = measured  # type: ignore[method-assign]
    if late:
        await fail_late(guest, during, ms=800)
    else:
        options = Options(probation_ms=400, patience=PATIENCE)
        await Switchover(guest.board.machine, refkernel(2), options, during).run()
    # the port is not ready any more; this kernel looks 20,000 times before it sends all the same
    assert 16 * output.capacity <= most < 2500
    assert (await guest.reported()) == {"ticker": "ok 120", "reader": f"ok {LINES}"}
    assert ticks(guest) == list(range(1, 121))
    assert len(guest.text) > 3500


async def test_a_kernel_that_is_undone_late_leaves_the_same_words_as_one_that_never_was(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["ticker:40:5", f"reader:{LINES}"])
    await guest.pass_time(50 * MS)
    guest.type(TYPED)
    report = await switchover(load_image(GUESTS / "refkernel-v2-late.elf"), probation_ms=200)
    assert (report.outcome, report.phase) == ("rolled back", Phase.PROBATION.name)
    assert (await guest.reported()) == {"ticker": "ok 40", "reader": f"ok {LINES}"}
    assert ticks(guest) == list(range(1, 41))
