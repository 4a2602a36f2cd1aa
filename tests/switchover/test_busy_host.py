"""A host that has no time for the machine for a while is not taken for a kernel that fails."""

from hotswap.cpu import InstructionTime
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent

from .conftest import MS

AWAY = 80 * MS


async def test_ticks_that_come_late_in_probation_still_count(guest: Guest) -> None:
    board, away = guest.board, []
    time = board._timebase
    assert isinstance(time, InstructionTime)
    guest.boot(["files:1", "registers:60"], stay=True)
    await guest.pass_time(20 * MS)

    async def keep_the_machine_waiting() -> None:
        """Time goes on, and no instruction is executed."""
        time.skip_to(time.now() + AWAY)
        away.append(board.processor.instructions)

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.PROBATION.name, "begun"):
            board.nursery.start_soon(keep_the_machine_waiting)

    options = Options(probation_ms=60, patience=PATIENCE)
    report = await Switchover(board.machine, refkernel(2), options, tell).run()
    assert away
    assert report.outcome == "committed"
