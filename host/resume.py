"""`hotswap-host resume`: a machine whose host was killed, from R1 or from its last snapshot."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec
import trio

from . import durable_resume
from .cables import Cable, open_cables
from .durable_folder import open_folder
from .durable_resume import NothingToResume
from .exits import Exit
from .number import Number
from .run import announce, attend
from .snapshot_cli import moved_option
from .snapshot_state import SavedMachine, cables_of


@click.command("resume")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--from-snapshot", is_flag=True,
              help="After a power cut: start the newest snapshot of the machine.")  # fmt: skip
@click.option("--serial", metavar="stdio|FILE|pty|tcp:HOST:PORT|none",
              help="Where the first serial port goes; by default where it went.")  # fmt: skip
@moved_option
@click.option("--timeout", type=Number(min=0, min_open=True), metavar="S",
              help="End the run after S seconds with status 3.")  # fmt: skip
@click.option("--control", type=click.Path(path_type=Path), metavar="SOCKET",
              help="Listen here, as `run` does.")  # fmt: skip
def resume_command(
    folder: Path,
    from_snapshot: bool,
    serial: str | None,
    moved: dict[Path, Path],
    timeout: float | None,
    control: Path | None,
) -> int:
    """Let the machine of DIR go on after its host was killed.

    Killed in a switchover, between R1 and its end, nothing is lost: the machine goes on at R1,
    under the old kernel, as after a rollback. Killed at any other time it was a power cut: what is
    lost is said, with status 5, and --from-snapshot starts the newest snapshot. Files that ports
    led to are written on at their end.
    """

    async def session() -> int:
        with open_folder(folder) as held:
            record = held.machine()
            begin = durable_resume.from_snapshot if from_snapshot else durable_resume.from_r1
            with begin(held, record) as start:
                cables = await open_cables(_cables(start.machine, serial))
                announce(cables)
                async with start.open(cables, moved) as board:
                    start.go_on(board)
                    status = await attend(board, timeout, control)
            start.run.ended()
            return status

    try:
        return trio.run(session, restrict_keyboard_interrupt_to_checkpoints=True)
    except* NothingToResume as cut:
        click.echo(f"hotswap-host: {cut.exceptions[0]}", err=True)
    return Exit.NOTHING_TO_RESUME


def _cables(machine: SavedMachine, serial: str | None) -> dict[int, Cable]:
    cables = cables_of(machine, serial, only_serial=False)
    return {slot: msgspec.structs.replace(c, append=True) for slot, c in cables.items()}
