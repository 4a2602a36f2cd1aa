"""Asking a daemon, for the commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import trio

from hotswap.host.control import ControlError, connect

from .errors import DaemonError
from .record import running_record
from .runtime import Runtime, default_runtime
from .words import DaemonRequest

ANSWER = 10.0
"""Seconds a daemon has to say how its machines are, which have 3 to say it themselves."""

runtime_option = click.option(
    "--runtime", type=click.Path(path_type=Path), metavar="DIR", envvar="HOTSWAP_HOST_RUNTIME",
    help="The daemon's runtime folder.  [default: hotswap-host in the user's runtime folder]",
)  # fmt: skip


def runtime_at(given: Path | None) -> Runtime:
    """The folder that was named, or the usual one."""
    return Runtime(default_runtime() if given is None else given)


def ask_daemon(
    runtime: Runtime,
    request: DaemonRequest,
    show: Callable[[dict[str, Any]], None] = lambda event: None,
) -> dict[str, Any]:
    """The daemon's reply; `show` is called with what comes before it.

    What takes long is asked for only when the daemon has answered something else before.

    Raises `DaemonError` when there is no daemon, or it does not answer within `ANSWER`.
    """

    async def talk() -> dict[str, Any]:
        message: dict[str, Any] = {}
        async with connect(runtime.socket) as send:
            with trio.move_on_after(ANSWER) as limit:
                (message,) = [line async for line in send(DaemonRequest("list"))]
            if limit.cancelled_caught:
                raise DaemonError(nobody(runtime))
            if request.op != "list":
                async for message in send(request):
                    if "ok" not in message:
                        show(message)
        return message

    try:
        return trio.run(talk)
    except* ControlError:
        raise DaemonError(nobody(runtime)) from None


def nobody(runtime: Runtime) -> str:
    """That no daemon answers, and what is there instead."""
    if (pid := runtime.holder()) is not None:
        return (
            f"the daemon of {runtime.path} (process {pid or 'unknown'}) does not answer at "
            f"{runtime.socket}: it is starting or ending, or stopped, or somebody removed its "
            "socket; when it has been killed the next `hotswap-host serve` has its machines"
        )
    alive = []
    for name in runtime.names():
        try:
            if (record := running_record(runtime.record(name))) is not None:
                alive.append(f"{name} (process {record.pid})")
        except DaemonError:
            alive.append(f"{name} (unreadable)")
    if alive:
        return (
            f"no daemon runs in {runtime.path}, but machines of one: {', '.join(alive)}; "
            "`hotswap-host serve` takes them over, `hotswap-host stop --machine NAME` ends one"
        )
    return f"no daemon runs in {runtime.path}; start one with `hotswap-host serve`"
