"""`hotswap-host serve`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import click
import trio

from .client import runtime_option
from .errors import DaemonError
from .log_file import LOG_KEPT, LOG_MAX, BoundedFile
from .log_line import LogLine, LogWriter, encode, log_to
from .logs import default_logs, logs_option
from .runtime import default_runtime, hold_runtime
from .serve import serve


@click.command("serve")
@click.argument("files", metavar="[FILE.toml]...", nargs=-1, type=click.Path(path_type=Path))
@click.option("--dir", "folder", type=click.Path(path_type=Path), metavar="DIR",
              help="Serve every *.toml in it.")  # fmt: skip
@runtime_option
@logs_option
@click.option("--json-logs", is_flag=True, help="Log JSON to stderr, as in the log files.")
def serve_command(
    files: tuple[Path, ...],
    folder: Path | None,
    runtime: Path | None,
    logs: Path | None,
    json_logs: bool,
) -> int:
    """Run the machines of machine files, one process each, and look after them.

    SIGTERM or Ctrl-C stops all in order, a second one at once; SIGHUP reads the files again. A
    daemon that is killed leaves its machines running: the next one takes them over.
    """
    place = (default_logs() if logs is None else logs).absolute()

    def show(line: LogLine) -> None:
        text = encode(line).decode() if json_logs else line.for_people()
        with suppress(OSError):  # a full disk or a closed terminal stops nobody
            os.write(sys.stderr.fileno(), f"{text}\n".encode())

    with hold_runtime(default_runtime() if runtime is None else runtime) as held:
        _make(place)
        log_to(LogWriter(BoundedFile(place / "daemon", LOG_MAX, LOG_KEPT), show))
        trio.run(serve, held, place, folder, files, restrict_keyboard_interrupt_to_checkpoints=True)
    return 0


def _make(logs: Path) -> None:
    try:
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise DaemonError(f"log folder {logs}: {error.strerror}; give another --logs") from error
    if not os.access(logs, os.W_OK | os.X_OK):
        raise DaemonError(f"log folder {logs}: cannot be written; give another --logs")
