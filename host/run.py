"""`hotswap-host run`: boot a kernel in the foreground."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Literal

import click
import trio

from hotswap.switchover.image import KernelImage
from hotswap.switchover.memory import MIB

from .backends import open_backend
from .board import Board, BoardConfig, open_board
from .control import serve_control
from .exits import Exit
from .loader import LoadError
from .loader_image import recognise
from .loader_linux import LinuxImage, load_linux
from .operator import answer_for, replied_for


@click.command("run")
@click.argument("image", type=click.Path(path_type=Path))
@click.option("--initrd", type=click.Path(path_type=Path), help="File system for the kernel.")
@click.option("--append", default="", metavar="TEXT", help="Kernel command line.")
@click.option("--memory", default=64, type=click.IntRange(1, 3072), metavar="MIB",
              show_default=True, help="RAM.")  # fmt: skip
@click.option("--cpu", type=click.Choice(["486", "586"]), default="486", show_default=True)
@click.option("--serial", default="stdio", metavar="stdio|FILE|pty|tcp:HOST:PORT",
              show_default=True, help="Where the first serial port goes.")  # fmt: skip
@click.option("--timeout", type=click.FloatRange(min=0, min_open=True), metavar="S",
              help="End the run after S seconds with status 3.")  # fmt: skip
@click.option("--control", type=click.Path(path_type=Path), metavar="SOCKET",
              help="Listen here for switchover, pause, continue, stop and info.")  # fmt: skip
@click.option(
    "--deterministic",
    is_flag=True,
    help="Count time in instructions: equal runs are equal to the last cycle.",
)
def run_command(
    image: Path,
    initrd: Path | None,
    append: str,
    memory: int,
    cpu: str,
    serial: str,
    timeout: float | None,
    control: Path | None,
    deterministic: bool,
) -> int:
    """Boot the kernel in IMAGE (Multiboot 1 ELF, Linux bzImage or vmlinux) and stay until it ends.

    The kernel ends the run by the debug-exit port, or by crashing; you do by Ctrl-C.
    """
    model: Literal["486", "586"] = "586" if cpu == "586" else "486"

    async def session() -> int:
        kernel = recognise(image, ram=memory * MIB)
        disk = await read_initrd(initrd) if initrd else b""
        linux = None
        if isinstance(kernel, LinuxImage):
            linux = load_linux(kernel, disk, append, memory * MIB)
        config = BoardConfig(
            memory=memory, cpu=model, deterministic=deterministic, switchover=linux is None
        )
        backend = await open_backend(serial)
        if not serial.startswith("stdio"):
            click.echo(f"serial port: {backend.name}", err=True)
        async with open_board(config, backend) as board:
            if linux is not None:
                board.start(linux)
            elif isinstance(kernel, KernelImage):
                board.boot(kernel, initrd=disk, append=append)
            return await attend(board, timeout, control)

    return trio.run(session, restrict_keyboard_interrupt_to_checkpoints=True)


async def read_initrd(path: Path) -> bytes:
    """The bytes of an initrd. Raises `LoadError`."""
    try:
        return await trio.Path(path).read_bytes()
    except OSError as error:
        raise LoadError(f"initrd {path}: {error.strerror}; give a file that can be read") from error


async def attend(board: Board, seconds: float | None, control: Path | None) -> int:
    """Until the guest ends, the time is over, or a signal comes."""
    status: int = Exit.TIMEOUT
    with trio.move_on_after(float("inf") if seconds is None else seconds):
        async with trio.open_nursery() as nursery:

            async def end_on_signal() -> None:
                nonlocal status
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    async for _ in signals:
                        status = Exit.INTERRUPTED
                        nursery.cancel_scope.cancel()

            nursery.start_soon(end_on_signal)
            if control is not None:
                await nursery.start(serve_control, control, answer_for(board), replied_for(board))
            ended = await board.ended()
            if ended.message:
                click.echo(f"hotswap-host: {ended.message}", err=True)
            status = ended.status
            nursery.cancel_scope.cancel()
    await board.drain(seconds=5)
    if status == Exit.TIMEOUT:
        click.echo(f"hotswap-host: the guest did not end within {seconds:g} s", err=True)
    return status
