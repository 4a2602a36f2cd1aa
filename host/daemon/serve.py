"""The daemon: machines from machine files, a supervisor each, until it is told to end.

1. The runtime folder is this daemon's alone (`runtime`).
2. Machines that a daemon before has left are taken over, remains of others are removed.
3. The control socket answers; machine files are read, their machines started.
4. SIGHUP: files are read again. SIGTERM, SIGINT or `shutdown`: machines are stopped, the last one
   first; a second signal is for less patience.
"""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog
import trio

from hotswap.host.control import Reply, Tell, serve_control

from .errors import DaemonError
from .machines import Machines
from .notify import notify, reloading
from .runtime import Runtime
from .supervisor import AT_REST
from .words import DaemonRequest, DaemonStatus, MachineEvent

PATIENCE = 60.0
"""Seconds all machines together have to end before those that are left are hurried."""
FAREWELL = 2.0
"""Seconds an operator has to take the answer that all have ended."""


async def serve(
    runtime: Runtime, logs: Path, folder: Path | None = None, files: Iterable[Path] = ()
) -> None:
    """Be the daemon of a runtime folder that is held, to the end of all machines.

    Raises `DaemonError`, `ControlError` before any machine was started.
    """
    async with trio.open_nursery() as nursery:
        machines = Machines(nursery, runtime, logs, folder, files)
        await Daemon(nursery, runtime, logs, machines).run()
        nursery.cancel_scope.cancel()


class Daemon:
    """What signals and operators may do to `machines`."""

    def __init__(
        self, nursery: trio.Nursery, runtime: Runtime, logs: Path, machines: Machines
    ) -> None:
        self._nursery, self._runtime, self._logs = nursery, runtime, logs
        self._machines = machines
        self._ending = False
        self._over = trio.Event()
        self._clients = 0  # who want to hear of the end
        self._farewell = trio.Event()
        self._log = structlog.get_logger()

    async def run(self) -> None:
        """From the first machine to the end of the last."""
        await self._nursery.start(self._hear_signals)
        files = self._machines.files()
        self._machines.adopt()
        control = functools.partial(serve_control, request_type=DaemonRequest)
        await self._nursery.start(control, self._runtime.socket, self._answer, self._replied)
        with suppress(OSError):  # for `logs`, which asks no daemon
            self._runtime.logs.unlink(missing_ok=True)
            self._runtime.logs.symlink_to(self._logs)
        self._machines.read(files)
        self._log.info("daemon runs", pid=os.getpid(), runtime=str(self._runtime.path))
        self._notify_ready()
        await self._over.wait()
        self._log.info("daemon ended")

    def _notify_ready(self) -> None:
        notify("READY=1", f"STATUS=machines: {', '.join(self._machines.all) or 'none'}")

    async def _hear_signals(self, *, task_status: trio.TaskStatus[None]) -> None:
        numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        with trio.open_signal_receiver(*numbers) as signals:
            task_status.started()
            async for number in signals:
                if number == signal.SIGHUP:
                    self._reload()
                else:
                    self._end_soon(signal.Signals(number).name)

    def _reload(self) -> None:
        if self._ending:
            return
        reloading()
        try:
            self._machines.read(self._machines.files())
            self._log.info("machine files were read again")
        except DaemonError as error:
            self._log.error("machine files cannot be read again", why=str(error))
        self._notify_ready()

    def _end_soon(self, by: str) -> None:
        """Machines are asked to end; the second time they are hurried."""
        if self._ending:
            self._log.warning("machines have no more time to end", by=by)
            self._machines.hurry.up()
            return
        self._ending = True
        self._log.info("daemon ends", by=by)
        notify("STOPPING=1")
        self._nursery.start_soon(self._end)

    async def _end(self) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._lose_patience)
            await self._machines.stop()
            nursery.cancel_scope.cancel()
        if self._clients:
            with trio.move_on_after(FAREWELL):
                await self._farewell.wait()
        self._over.set()

    async def _lose_patience(self) -> None:
        await trio.sleep(PATIENCE)
        self._end_soon(f"{PATIENCE:g} s are over")

    async def _answer(self, request: DaemonRequest, tell: Tell) -> Reply:
        match request.op:
            case "list":
                return Reply(True, await self._status())
            case "start" if self._ending:
                raise DaemonError("the daemon is ending; start another with `hotswap-host serve`")
            case "start":
                machine = self._machines.to_start(request.name, request.file)
                await machine.start()
                return Reply(True, await machine.status())
            case "stop":
                machine = self._machines.find(request.name)
                if machine.life in AT_REST:
                    raise DaemonError(f"machine {machine.name} is {machine.life.value} already")
                await machine.stop()
                return Reply(True, await machine.status())
            case "reload":
                self._reload()
                return Reply(True, await self._status())
            case "shutdown":
                self._end_soon("an operator")
                return await self._watch_end(tell)

    async def _watch_end(self, tell: Tell) -> Reply:
        """The answer comes when all machines are at rest, and how they get there before it."""
        self._clients += 1
        told: dict[str, str] = {}
        while True:
            states = {machine.name: machine.life for machine in self._machines.all.values()}
            for name, life in states.items():
                if told.get(name) != life.value:
                    told[name] = life.value
                    tell(MachineEvent(name, life.value))
            busy = [name for name, life in states.items() if life not in AT_REST]
            if not busy:
                return Reply(True)
            await self._machines.find(busy[-1]).changed()

    def _replied(self, request: DaemonRequest) -> None:
        if request.op == "shutdown":
            self._clients -= 1
            if not self._clients:
                self._farewell.set()

    async def _status(self) -> DaemonStatus:
        return DaemonStatus(
            pid=os.getpid(),
            runtime=str(self._runtime.path),
            logs=str(self._logs),
            machines=await self._machines.status(),
            faulty={str(path): why for path, why in self._machines.faulty.items()},
        )
