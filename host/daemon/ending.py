"""How a machine is ended in bounded time: it is asked, then told, then killed.

| step | what | at most |
|-|-|-|
| 1 | `stop` at its control socket: a switchover is let end or be undone | SETTLE s if one goes on |
| 2 | it delivers what the guest has sent, and ends | ASKED s |
| 3 | SIGTERM | TOLD s |
| 4 | SIGKILL | |

Whoever is in a hurry goes on with step 3 at once, which then has HASTE s.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import trio

from hotswap.host.control import ControlError, Request, connect

from .process import MachineProcess

ASK = 3.0
"""Seconds a machine has to say how it is."""
SETTLE = 40.0
ASKED = 8.0
TOLD = 8.0
HASTE = 2.0


async def ask(control: Path, request: Request, seconds: float) -> dict[str, Any] | None:
    """The reply of a machine; None when there is none within `seconds`."""
    message: dict[str, Any] | None = None
    with trio.move_on_after(seconds) as scope:
        try:
            async with connect(control) as send:
                async for line in send(request):
                    message = line
        except (ControlError, OSError):
            return None
    return None if scope.cancelled_caught else message


class Hurry:
    """Whether those who end machines shall not wait any longer than they must."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def up(self) -> None:
        """From now on."""
        self._event.set()

    @property
    def now(self) -> bool:
        """Whether it is so."""
        return self._event.is_set()

    async def wait(self) -> None:
        """Until it is so."""
        await self._event.wait()


async def end(process: MachineProcess, control: Path, ended: trio.Event, hurry: Hurry) -> str:
    """End a machine's process and wait until it has `ended`.

    Returns what it took: "stop", "SIGTERM" or "SIGKILL".
    """
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cut_short, nursery.cancel_scope, hurry, 0.0)
        await _asked(control, ended)
        nursery.cancel_scope.cancel()
    if ended.is_set():
        return "stop"
    process.send(signal.SIGTERM)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cut_short, nursery.cancel_scope, hurry, HASTE)
        with trio.move_on_after(TOLD):
            await ended.wait()
        nursery.cancel_scope.cancel()
    if ended.is_set():
        return "SIGTERM"
    process.send(signal.SIGKILL)
    await ended.wait()
    return "SIGKILL"


async def _asked(control: Path, ended: trio.Event) -> None:
    """Steps 1 and 2; a machine that answers nobody is not waited for."""
    info = await ask(control, Request("info"), ASK)
    if info is None or not info["ok"]:
        return
    settle = SETTLE if info["result"]["under_way"] else 0.0
    with trio.move_on_after(settle + ASKED):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, control, Request("stop"), settle + ASKED)
            await ended.wait()
            nursery.cancel_scope.cancel()


async def _cut_short(scope: trio.CancelScope, hurry: Hurry, seconds: float) -> None:
    await hurry.wait()
    await trio.sleep(seconds)
    scope.cancel()
