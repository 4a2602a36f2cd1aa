"""`hotswap-host snapshot save|load|info|export`: machines in files."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click
import msgspec
import trio

from .control import Request
from .durable import write_durably
from .exits import Exit
from .number import Number
from .remote import ask, control_option, json_option, print_facts, say

file_argument = click.argument("file", type=click.Path(path_type=Path))


def _moved(
    _ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]
) -> dict[Path, Path]:
    pairs = [value.partition("=") for value in values]
    for old, equals, new in pairs:
        if not (old and equals and new):
            raise click.BadParameter(f"{old + equals + new!r} is no OLD=NEW")
    return {Path(old).absolute(): Path(new) for old, _, new in pairs}


moved_option = click.option(
    "--moved", multiple=True, callback=_moved, metavar="OLD=NEW",
    help="Image or overlay OLD of a disk is file NEW now; repeatable.",
)  # fmt: skip


@click.group("snapshot")
def snapshot_command() -> None:
    """Save a running machine to a file, and run it from there.

    The file is an ELF core that gdb and readelf open, or that in a zstd frame when its name ends
    in .zst.
    """


@snapshot_command.command("save")
@file_argument
@control_option
@json_option
def save(file: Path, control: Path, in_json: bool) -> int:
    """Save the machine at SOCKET to FILE; it goes on as if nothing had happened."""
    reply = ask(control, Request("snapshot", file=str(file.absolute())))
    if reply["ok"] and not in_json:
        saved = reply["result"]
        click.echo(f"{file}: {saved['bytes']:,} bytes, at {saved['time_ns'] / 1e9:.6f} s")
    return say(reply, in_json=in_json)


@snapshot_command.command("load")
@file_argument
@click.option("--serial", metavar="stdio|FILE|pty|tcp:HOST:PORT|none",
              help="Where the first serial port goes.  "
                   "[default: stdio; none with --display terminal]")  # fmt: skip
@click.option("--display", type=click.Choice(["none", "terminal"]), default="none",
              help="Where the screen is shown; Ctrl-] and x end a terminal's.")  # fmt: skip
@moved_option
@click.option("--disconnect", is_flag=True,
              help="Leave the other ports and networks unconnected.")  # fmt: skip
@click.option("--timeout", type=Number(min=0, min_open=True), metavar="S",
              help="End the run after S seconds with status 3.")  # fmt: skip
@click.option("--control", type=click.Path(path_type=Path), metavar="SOCKET",
              help="Listen here, as `run` does.")  # fmt: skip
def load(
    file: Path,
    serial: str | None,
    display: str,
    moved: dict[Path, Path],
    disconnect: bool,
    timeout: float | None,
    control: Path | None,
) -> int:
    """Run the machine in FILE from where it stood, as `run` runs one.

    Its disks have to be as they were then: the snapshot does not hold what is on them.
    """
    from .cables import open_cables
    from .run import announce, attend
    from .snapshot import go_on, open_restored, read_snapshot
    from .snapshot_state import cables_of
    from .terminal import open_terminal

    in_terminal = display == "terminal"
    to = serial or ("none" if in_terminal else "stdio")
    if in_terminal and to == "stdio":
        raise click.UsageError("the terminal is the screen's; send --serial elsewhere")

    async def session() -> int:
        snapshot = await trio.to_thread.run_sync(read_snapshot, file)
        async with open_terminal() if in_terminal else nullcontext() as terminal:
            cables = await open_cables(cables_of(snapshot.machine, to, only_serial=disconnect))
            announce(cables)
            async with open_restored(snapshot, moved=moved, cables=cables) as board:
                go_on(board, snapshot)
                return await attend(board, timeout, control, terminal)

    return trio.run(session, restrict_keyboard_interrupt_to_checkpoints=True)


@snapshot_command.command("info")
@file_argument
@json_option
def info(file: Path, in_json: bool) -> int:
    """Check FILE and say what is in it."""
    from .snapshot import read_snapshot
    from .snapshot_state import facts

    found: dict[str, Any] = facts(read_snapshot(file).machine)
    if in_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        print_facts(found)
    return Exit.OK


@snapshot_command.command("export")
@file_argument
@click.argument("core", type=click.Path(path_type=Path))
def export(file: Path, core: Path) -> int:
    """Check FILE and write it to CORE as an ELF core, for debuggers."""
    from .snapshot import read_core, read_snapshot
    from .snapshot_elf import SnapshotError

    read_snapshot(file)
    try:
        write_durably(core, [read_core(file)])
    except OSError as error:
        raise SnapshotError(f"{core}: cannot be written: {error.strerror}") from error
    return Exit.OK
