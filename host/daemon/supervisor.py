"""The life of one machine under the daemon.

| state | what may happen | next |
|-|-|-|
| STOPPED, FAILED | an operator starts it | STARTING |
| STARTING | it answers at its control socket | RUNNING |
| STARTING, RUNNING | its process ended | what `restart` says |
| STARTING, RUNNING | an operator stops it | STOPPING |
| STOPPING | its process ended | STOPPED |
| WAITING | the time is over, or an operator starts it | STARTING |
| WAITING | an operator stops it | STOPPED |
"""

from __future__ import annotations

import signal
from contextlib import suppress
from enum import Enum
from pathlib import Path

import msgspec
import structlog
import trio

from hotswap.host.control import Request
from hotswap.host.signals import signal_name

from .ending import ASK, Hurry, ask, end
from .entry import Entry, digest_of
from .errors import DaemonError
from .order import Order
from .process import MachineProcess, adopted, started
from .record import MachineRecord, now, running_record
from .restart import Again, Ending, Failed, Restarts
from .runtime import Runtime, check_socket
from .words import CardStatus, MachineStatus


class Life(Enum):
    """The states of the table above."""

    STOPPED = "stopped"
    FAILED = "failed"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    WAITING = "restarting"


START = 60.0
"""Seconds a machine has to answer at its control socket; then it is ended, which counts."""
AT_REST = frozenset({Life.STOPPED, Life.FAILED})


class Supervisor:
    """One machine; `run` is its task."""

    def __init__(self, entry: Entry, runtime: Runtime, logs: Path, hurry: Hurry) -> None:
        self.entry = entry
        self.life = Life.STOPPED
        self.why = ""
        self.restarts = 0
        """By the daemon, since an operator started it."""
        self._runtime, self._logs, self._hurry = runtime, logs, hurry
        self._history = Restarts()
        self._process: MachineProcess | None = None
        self._record: MachineRecord | None = None
        self._ended = trio.Event()  # of the process there is
        self._news = trio.Event()
        self.scope = trio.CancelScope()
        """Of its task."""
        self._pause = trio.CancelScope()
        self._next_at = 0.0
        self._asked = False  # to end
        self._late = False  # with being ready
        self._log = structlog.get_logger().bind(machine=entry.name)

    @property
    def name(self) -> str:
        """The machine's."""
        return self.entry.name

    @property
    def control(self) -> Path:
        """The machine's control socket."""
        return self._runtime.control(self.name)

    @property
    def file_changed(self) -> bool:
        """Whether the machine that runs was made from a file that says something else by now."""
        made_from = self._record.digest if self._record is not None else self.entry.digest
        return self._process is not None and digest_of(self.entry.file) != made_from

    # -- its task ---------------------------------------------------------------------------------

    async def run(self, left: tuple[MachineRecord, MachineProcess] | None = None) -> None:
        """Until cancelled, when a process that runs goes on. `left` is one that runs already.

        After `give_up` it may be called again.
        """
        process: MachineProcess | None = None
        if left is not None:
            self._record, process = left
            self.restarts = self._record.restarts
            self._become(Life.STARTING)
        while True:
            while self.life is not Life.STARTING:
                await self._news.wait()
            self._ended = trio.Event()
            ending = await self._live(process)
            process = self._process = self._record = None
            self._sweep()
            delay = self._judge(ending)
            self._ended.set()
            if delay is not None:
                with trio.CancelScope() as self._pause:
                    self._next_at = trio.current_time() + delay
                    await trio.sleep(delay)
                    self.restarts += 1
                    self._become(Life.STARTING)
            await trio.lowlevel.checkpoint()

    async def _live(self, process: MachineProcess | None) -> Ending:
        """One process, from its start to its end; `process` when it runs already."""
        self._become(Life.STARTING)
        self._late = False
        order = Order(
            self.name, str(self.entry.file), str(self._runtime.path), str(self._logs), self.restarts
        )
        try:
            check_socket(self.control)
            if process is None:
                process = self._left_alone() or await started(order)
            self._process = process
            self._tell()
        except DaemonError as error:
            return Ending(None, str(error), unfit=True)
        except OSError as error:
            return Ending(None, f"no process can be started: {error.strerror}")
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hear_ready, process)
                ending = await process.wait()
                nursery.cancel_scope.cancel()
            if self._late:
                why = f"it was not ready within {START:g} s"
                ending = msgspec.structs.replace(ending, message=why)
            return ending
        finally:
            process.close()

    def _left_alone(self) -> MachineProcess | None:
        """The process that still runs since `give_up`. Raises `DaemonError`."""
        if (left := adopted(self._runtime.record(self.name))) is None:
            return None
        self._record, process = left
        self._log.warning("machine taken over", pid=process.pid)
        return process

    async def _hear_ready(self, process: MachineProcess) -> None:
        with trio.move_on_after(START) as limit:
            if not await process.ready():
                await trio.sleep_forever()  # it ends, or hangs with nothing more to say
        if limit.cancelled_caught:
            self._late = True
            process.send(signal.SIGKILL)
            return
        with suppress(DaemonError):  # then it has just ended
            self._record = running_record(self._runtime.record(self.name))
        if self.life is Life.STARTING:
            self._become(Life.RUNNING)
            self._log.info("machine runs", pid=process.pid)

    def _judge(self, ending: Ending) -> float | None:
        """What follows the end of the process: in how many seconds it is started again."""
        why = why_of(ending)
        if ending.asked or self._asked:
            self._become(Life.STOPPED, "")
            self._log.info("machine stopped", why=why)
            return None
        verdict = self._history.after(ending, why, self.entry.policy, trio.current_time())
        match verdict:
            case Again(delay=delay):
                self._become(Life.WAITING, why)
                self._log.warning("machine ended, it is restarted", why=why, delay_s=delay)
                return delay
            case Failed():
                self._become(Life.FAILED, verdict.why)
                self._log.error("machine failed", why=verdict.why)
            case _:
                self._become(Life.STOPPED, why)
                self._log.info("machine ended", why=why)
        return None

    def _become(self, life: Life, why: str = "") -> None:
        self.life, self.why = life, why
        self._tell()

    def give_up(self, why: str) -> None:
        """Its task has raised; its process, if there is one, goes on until the next start."""
        self._process = self._record = None
        self._ended.set()  # whoever waits for that waits for nothing
        self._become(Life.FAILED, why)

    async def changed(self) -> None:
        """Until there is news."""
        await self._news.wait()

    def _tell(self) -> None:
        """Whoever waits looks again."""
        self._news.set()
        self._news = trio.Event()

    def _sweep(self) -> None:
        """Remove what a killed process has left, but nothing of one that lives."""
        try:
            if running_record(self._runtime.record(self.name)) is not None:
                return
        except DaemonError:  # one lives there, or what is there is no record
            return
        for path in (self.control, self._runtime.record(self.name)):
            with suppress(OSError):
                path.unlink()

    # -- what an operator wants -------------------------------------------------------------------

    def want(self) -> None:
        """Start it, if it does not run."""
        if self.life in AT_REST or self.life is Life.WAITING:
            self._history.forget()
            self.restarts, self._asked = 0, False
            self._become(Life.STARTING)
            self._pause.cancel()

    async def start(self) -> None:
        """Start it and wait until it runs. Raises `DaemonError` with why it does not."""
        if self.life not in AT_REST and self.life is not Life.WAITING:
            raise DaemonError(f"machine {self.name} is {self.life.value} already")
        self.want()
        while self.life is Life.STARTING:
            await self._news.wait()
        if self.life is not Life.RUNNING:
            raise DaemonError(f"machine {self.name} did not start: {self.why or 'it was stopped'}")

    async def stop(self) -> None:
        """End it and wait for that; it stays so."""
        self._asked = True
        if self.life is Life.WAITING:
            self._become(Life.STOPPED)
            self._pause.cancel()
        while self.life is Life.STARTING and self._process is None:
            await self._news.wait()
        if self._process is None:
            return
        self._become(Life.STOPPING)
        self._log.info("machine is being stopped")
        took = await end(self._process, self.control, self._ended, self._hurry)
        if took == "SIGKILL":
            self._log.warning("machine had to be killed: it did not end when it was asked")

    def kill(self) -> None:
        """End its process, whatever that loses, and wait for nothing."""
        if self._process is not None:
            self._process.send(signal.SIGKILL)

    async def status(self) -> MachineStatus:
        """How it is; a machine that runs is asked."""
        record = self._record
        state, kernel, cards = self.life.value, "", list[CardStatus]()
        if self.life is Life.RUNNING:
            reply = await ask(self.control, Request("info"), ASK)
            if self.life is not Life.RUNNING:
                return await self.status()  # it has ended meanwhile
            if reply is None or not reply["ok"]:
                state = "not answering"
            else:
                info = reply["result"]
                state = "paused" if info["state"] == "paused" else state
                state = "switching over" if "switchover" in info["under_way"] else state
                kernel = info["kernel"]
                cards = [CardStatus(c["slot"], c["card"], c["fault"]) for c in info["cards"]]
        waiting = self.life is Life.WAITING
        return MachineStatus(
            name=self.name,
            file=str(self.entry.file),
            state=state,
            why=self.why,
            pid=0 if self._process is None else self._process.pid,
            uptime_s=0.0 if record is None else round(now() - record.since, 3),
            kernel=kernel,
            restarts=self.restarts,
            next_in_s=max(0.0, round(self._next_at - trio.current_time(), 3)) if waiting else 0.0,
            control=str(self.control),
            file_changed=self.file_changed,
            cards=cards,
        )


def why_of(ending: Ending) -> str:
    """How it ended, in words."""
    if ending.unfit:
        return ending.message
    if ending.status is None:
        how = "" if ending.message else "nobody knows how it ended"
    elif ending.status < 0:
        how = f"killed by {signal_name(-ending.status)}"
    else:
        how = f"ended with status {ending.status}"
    return ": ".join(word for word in (how, ending.message) if word)
