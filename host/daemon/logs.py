"""`hotswap-host logs`: what the daemon and its machines have logged, and what guests have said."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
import trio

from .client import runtime_at, runtime_option
from .entry import NAME
from .errors import DaemonError
from .log_line import decoded
from .log_view import follow, last_lines
from .runtime import Runtime

logs_option = click.option(
    "--logs", type=click.Path(path_type=Path), metavar="DIR", envvar="HOTSWAP_HOST_LOGS",
    help="Where logs are kept.  [default: hotswap-host/logs in the user's state folder]",
)  # fmt: skip


def default_logs() -> Path:
    """HOTSWAP_HOST_LOGS, else a folder in the XDG state folder."""
    if named := os.environ.get("HOTSWAP_HOST_LOGS"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "hotswap-host" / "logs"


@click.command("logs")
@click.argument("machine", required=False)
@click.option("--follow", "-f", "following", is_flag=True, help="Go on with what comes.")
@click.option("--lines", "-n", type=click.IntRange(0), default=100, show_default=True, metavar="N",
              help="The last N lines.")  # fmt: skip
@click.option("--json", "in_json", is_flag=True, help="The lines as they are kept.")
@click.option("--serial", is_flag=True,
              help="What the guest has sent through its serial port.")  # fmt: skip
@runtime_option
@logs_option
def logs_command(
    machine: str | None,
    following: bool,
    lines: int,
    in_json: bool,
    serial: bool,
    runtime: Path | None,
    logs: Path | None,
) -> int:
    """Show the log of MACHINE, or of the daemon."""
    if serial and (machine is None or in_json):
        raise click.UsageError("--serial is of a MACHINE, and no JSON")
    if machine is not None and not NAME.fullmatch(machine):
        raise DaemonError(f"no machine can be called {machine!r}; `hotswap-host list` names them")
    suffix = "" if machine is None else ".serial" if serial else ".log"
    path = _folder(runtime_at(runtime), logs) / f"{machine or 'daemon'}{suffix}"
    raw = serial or in_json

    def show(content: bytes) -> None:
        if not raw:
            content = b"".join(_readable(line) for line in content.splitlines())
        sys.stdout.buffer.write(content)
        sys.stdout.flush()

    async def session() -> None:
        last, file = last_lines(path, lines)
        show(b"".join(last))
        rest = b""
        async for content in follow(path, file):  # to its end: only Ctrl-C ends it
            whole, end, rest = (
                (rest + content).rpartition(b"\n") if not raw else (content, b"", b"")
            )
            show(whole + end)

    if following:
        trio.run(session, restrict_keyboard_interrupt_to_checkpoints=True)
    else:
        last, file = last_lines(path, lines)
        file.close()
        show(b"".join(last))
    return 0


def _folder(runtime: Runtime, logs: Path | None) -> Path:
    """Where they are: as said, as the daemon there has it, or where they are by default."""
    if logs is not None:
        return logs
    return runtime.logs if runtime.logs.is_dir() else default_logs()


def _readable(line: bytes) -> bytes:
    found = decoded(line)
    text = line.decode("utf-8", "replace") if found is None else found.for_people()
    return text.encode() + b"\n"
