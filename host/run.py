"""`hotswap-host run`: boot a machine in the foreground."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any, get_args

import click
import msgspec
import trio

from hotswap.cpu import Model

from .assembly import Assembly, assemble
from .board import Board
from .cables import OpenCable, open_cables
from .control import serve_control
from .display import serve_display
from .durable_run import open_durable
from .exits import Exit
from .history.record import folder
from .machine import open_machine
from .machine_fault import MachineError
from .machine_file import check, json_schema, read_document
from .number import Number
from .operator import answer_for, replied_for
from .run_options import RunOptions, apply, as_options
from .terminal import Terminal, open_terminal

file_path = click.Path(path_type=Path)


def _address(_ctx: click.Context, _param: click.Parameter, value: str | None) -> int | None:
    """A physical address, in any base Python knows."""
    try:
        return None if value is None else int(value, 0)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no address; write e.g. 0x7C00") from error


def _print_schema(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if wanted:
        click.echo(json_schema(), nl=False)
        ctx.exit()


@click.command("run")
@click.argument("image", type=file_path, required=False)
@click.option("--initrd", type=file_path, help="File system for the kernel.")
@click.option("--append", metavar="TEXT", help="Kernel command line.")
@click.option("--module", "modules", multiple=True, metavar="'FILE TEXT'",
              help="Multiboot module and its command line; repeatable.")  # fmt: skip
@click.option("--flat", callback=_address, metavar="ADDRESS",
              help="IMAGE is a flat binary for ADDRESS, entered there.")  # fmt: skip
@click.option("--bios", type=file_path, help="BIOS instead of the distribution's SeaBIOS.")
@click.option("--floppy", "floppies", type=file_path, multiple=True,
              help="Diskette for drive A, then B.")  # fmt: skip
@click.option("--disk", "disks", type=file_path, multiple=True,
              help="Raw hard disk image; up to 4.")  # fmt: skip
@click.option("--net", "networks", multiple=True, metavar="hub:NAME|peer|passt|tap:IFACE",
              help="NE2000 connected there; repeatable.")  # fmt: skip
@click.option("--display", type=click.Choice(["none", "terminal"]),
              help="Where the screen is shown; Ctrl-] and x end a terminal's.")  # fmt: skip
@click.option("--memory", type=click.IntRange(1, 3072), metavar="MIB",
              help="RAM.  [default: 64]")  # fmt: skip
@click.option("--cpu", type=click.Choice(get_args(Model)), help="[default: 486]")
@click.option("--serial", metavar="stdio|FILE|pty|tcp:HOST:PORT|none",
              help="Where the first serial port goes.  "
                   "[default: stdio; none with --display terminal]")  # fmt: skip
@click.option("--timeout", type=Number(min=0, min_open=True), metavar="S",
              help="End the run after S seconds with status 3.")  # fmt: skip
@click.option("--control", type=file_path, metavar="SOCKET",
              help="Listen here for switchover, stop, screen and others.")  # fmt: skip
@click.option("--trust", multiple=True, metavar="KEYFILE|KEY",
              help="Replace the kernel only by images this minisign key has signed; "
                   "repeatable.")  # fmt: skip
@click.option("--signatures", type=click.Choice(["none", "warn", "require"]),
              help="What is asked of images.  "
                   "[default: require with --trust, else none]")  # fmt: skip
@click.option(
    "--deterministic",
    is_flag=True,
    help="Count time in instructions: equal runs are equal to the last cycle.",
)
@click.option(
    "--durable",
    type=file_path,
    metavar="DIR",
    help="Keep there what `resume` needs when the host is killed in a switchover.",
)
@click.option("--no-reboot", is_flag=True,
              help="End the run, with status 0, when the guest resets the machine.")  # fmt: skip
@click.option("--schema", is_flag=True, is_eager=True, expose_value=False,
              callback=_print_schema, help="Print the JSON Schema of machine files.")  # fmt: skip
def run_command(
    timeout: float | None, control: Path | None, durable: Path | None, **given: Any
) -> int:
    """Boot IMAGE and stay until the guest ends.

    IMAGE is a machine file (MACHINE.toml), or something to boot, recognised by its content: a
    Multiboot 1 kernel, a Linux bzImage or vmlinux, a disk or diskette that a BIOS boots. The
    options are shorthand for what a machine file says, and win over it.

    The guest ends the run by the debug-exit port, or by crashing; you do by Ctrl-C, or, with the
    screen in the terminal, where that is a key like any other, by Ctrl-] and then x.
    """
    options = RunOptions(**given)
    if not options.starts_something():
        raise click.MissingParameter(param_type="argument", param_hint="IMAGE")
    assembly = assembly_of(options)

    async def session() -> int:
        in_terminal = assembly.file.display.to == "terminal"
        with open_durable(durable, assembly.config) as kept:
            async with open_terminal() if in_terminal else nullcontext() as terminal:
                cables = await open_cables(assembly.cables)
                announce(cables)
                async with open_machine(
                    assembly, cables, ram=kept.ram, prepare=kept.attach
                ) as board:
                    status = await attend(board, timeout, control, terminal)
            kept.ended()
            return status

    return trio.run(session, restrict_keyboard_interrupt_to_checkpoints=True)


def assembly_of(options: RunOptions) -> Assembly:
    """What a machine file and the options say, put together. Raises `MachineError`."""
    file = options.image
    if file is not None and file.suffix == ".toml":
        options = msgspec.structs.replace(options, image=None)
        document = apply(options, read_document(file), here=Path.cwd())
        return assemble(check(document, base=file.parent), str(file))
    try:
        return assemble(check(apply(options, {}, Path()), base=Path()))
    except MachineError as error:
        raise MachineError("", [as_options(fault) for fault in error.faults]) from error


def announce(cables: Mapping[int, OpenCable]) -> None:
    """Say on stderr where the ports lead that do not lead here."""
    for _, (cable, back_end) in sorted(cables.items()):
        if not cable.frames and cable.to not in {"stdio", "none"}:
            click.echo(f"{cable.port} port: {back_end.name}", err=True)


async def attend(
    board: Board, seconds: float | None, control: Path | None, terminal: Terminal | None = None
) -> int:
    """Until the guest ends, the time is over, or a signal comes; the screen is on `terminal`."""
    status: int = Exit.TIMEOUT
    with trio.move_on_after(float("inf") if seconds is None else seconds):
        async with trio.open_nursery() as nursery:

            async def end_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
                nonlocal status
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    task_status.started()
                    async for _ in signals:
                        status = Exit.INTERRUPTED
                        nursery.cancel_scope.cancel()

            await nursery.start(end_on_signal)  # before the terminal is another
            if control is not None:
                board.history = folder()
                await nursery.start(serve_control, control, answer_for(board), replied_for(board))
            if terminal is not None:
                await nursery.start(serve_display, board, terminal)
            ended = await board.ended()
            if ended.message:
                click.echo(f"hotswap-host: {ended.message}", err=True)
            status = ended.status
            nursery.cancel_scope.cancel()
    await board.drain(seconds=5)
    if status == Exit.TIMEOUT:
        click.echo(f"hotswap-host: the guest did not end within {seconds:g} s", err=True)
    return status
