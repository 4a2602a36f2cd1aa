"""The machines of a daemon: taken over from one before, read from machine files, looked up."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import structlog
import trio

from hotswap.bus import HotswapError

from .ending import HASTE, Hurry
from .entry import Entry, machine_files, read_entry
from .errors import DaemonError
from .process import MachineProcess, adopted
from .record import MachineRecord
from .restart import RestartPolicy
from .runtime import Runtime
from .supervisor import AT_REST, Life, Supervisor
from .words import MachineStatus

GONE = 5.0
"""Seconds killed machines have to be gone; one that is not is in the kernel's hands."""


class Machines:
    """Those of one runtime folder; `folder` and `files` say which there shall be."""

    def __init__(
        self,
        nursery: trio.Nursery,
        runtime: Runtime,
        logs: Path,
        folder: Path | None,
        files: Iterable[Path],
    ) -> None:
        self.all: dict[str, Supervisor] = {}
        """By name, in the order in which they came."""
        self.faulty: dict[Path, str] = {}
        """Files that are no machines, and records of machines that cannot be had; and why."""
        self.hurry = Hurry()
        self._nursery, self._runtime, self._logs = nursery, runtime, logs
        self._folder = None if folder is None else folder.absolute()
        self._files = [path.absolute() for path in files]
        self._log = structlog.get_logger()

    def _add(
        self, entry: Entry, left: tuple[MachineRecord, MachineProcess] | None = None
    ) -> Supervisor:
        machine = Supervisor(entry, self._runtime, self._logs, self.hurry)
        self.all[entry.name] = machine
        self._nursery.start_soon(self._supervise, machine, left, name=f"machine {entry.name}")
        return machine

    async def _supervise(
        self, machine: Supervisor, left: tuple[MachineRecord, MachineProcess] | None
    ) -> None:
        with machine.scope:
            while True:
                try:
                    await machine.run(left)
                except Exception as error:  # a defect of ours; all can be started again
                    what = f"{type(error).__name__}: {str(error) or 'no more is known'}"
                    machine.give_up(f"{what}; report this")
                    self._log.error("machine is left alone", machine=machine.name, exc_info=error)
                    left = None

    def adopt(self) -> None:
        """Take over what lives in the runtime folder; remove what is left of what does not."""
        for name in self._runtime.names():
            record = self._runtime.record(name)
            try:
                left = adopted(record)
            except DaemonError as error:
                self._log.error("machine cannot be taken over", machine=name, why=str(error))
                self.faulty[record] = str(error)
                continue
            if left is None:
                self._log.warning("machine ended without a daemon", machine=name)
                for path in (record, self._runtime.control(name)):
                    with suppress(OSError):
                        path.unlink()
                continue
            found = left[0]
            try:
                policy = read_entry(Path(found.file)).policy
            except HotswapError:
                policy = RestartPolicy()  # the file is read again, and its faults named
            self._add(Entry(name, Path(found.file), found.digest, policy), left)
            self._log.warning("machine taken over", machine=name, pid=found.pid)

    def files(self) -> list[Path]:
        """All machine files there are now. Raises `DaemonError` when their folder is gone."""
        return machine_files(self._folder, self._files)

    def read(self, files: list[Path]) -> None:
        """Read the files and start the machines that are new."""
        self.faulty = {path: why for path, why in self.faulty.items() if path.suffix == ".json"}
        for file in files:
            try:
                self._take(read_entry(file))
            except HotswapError as error:
                self.faulty[file] = str(error)
                self._log.error("machine file has faults", file=str(file), why=str(error))
        for machine in [each for each in self.all.values() if each.entry.file not in files]:
            log = self._log.bind(machine=machine.name, file=str(machine.entry.file))
            if machine.life in AT_REST:
                log.info("machine is forgotten with its file")
                machine.scope.cancel()
                del self.all[machine.name]
            else:
                log.warning("machine is in no file any more; it goes on until it is stopped")

    def _take(self, entry: Entry) -> None:
        """A file that was read: a new machine, or one that is there."""
        there = self.all.get(entry.name)
        if there is None:
            self._check_free(entry)
            self._add(entry).want()
            return
        _check_same(there, entry)
        changed = there.entry.digest != entry.digest
        there.entry = entry
        if changed and there.life is Life.FAILED:
            there.want()
        elif there.file_changed:
            what = "machine file has changed; stop and start the machine to apply it"
            self._log.warning(what, machine=entry.name, file=str(entry.file))

    def _check_free(self, entry: Entry) -> None:
        """A machine that could not be taken over has its name."""
        if (why := self.faulty.get(self._runtime.record(entry.name))) is not None:
            raise DaemonError(why)

    def find(self, name: str) -> Supervisor:
        """The machine. Raises `DaemonError` when there is none."""
        if (machine := self.all.get(name)) is not None:
            return machine
        names = ", ".join(self.all) or "none"
        raise DaemonError(f"no machine is called {name!r}; there are: {names}")

    def to_start(self, name: str, file: str) -> Supervisor:
        """The machine of that name or file, the file read again. Raises `HotswapError`."""
        there = None if file else self.find(name)
        path = Path(file) if there is None else there.entry.file
        entry = read_entry(path)
        if there is not None and entry.name != there.name:
            raise DaemonError(
                f"{path}: the machine is called {entry.name} there now; "
                f"`hotswap-host start {path}` starts that"
            )
        there = self.all.get(entry.name)
        if there is None:
            self._check_free(entry)
            there = self._add(entry)
        _check_same(there, entry)
        there.entry = entry
        self.faulty.pop(path, None)
        if path not in self._files and path.parent != self._folder:
            self._files.append(path)  # it is one of them from now on
        return there

    async def status(self) -> list[MachineStatus]:
        """How they are; all that run are asked at the same time."""
        found: dict[str, MachineStatus] = {}

        async def ask(machine: Supervisor) -> None:
            found[machine.name] = await machine.status()

        async with trio.open_nursery() as nursery:
            for machine in self.all.values():
                nursery.start_soon(ask, machine)
        return [found[name] for name in self.all if name in found]

    async def stop(self) -> None:
        """Stop all, the last first, each when the one before has ended; in a hurry, all at once.

        Whatever hangs, it is over HASTE + GONE s after the hurry began.
        """
        async with trio.open_nursery() as nursery:
            hurrying = trio.CancelScope()

            async def all_at_once() -> None:
                with hurrying:
                    await self.hurry.wait()
                    for machine in self.all.values():
                        nursery.start_soon(machine.stop)
                    await trio.sleep(HASTE + GONE)
                    for machine in self.all.values():
                        if machine.life not in AT_REST:
                            self._log.error("machine is killed and left", machine=machine.name)
                            machine.kill()
                    nursery.cancel_scope.cancel()

            nursery.start_soon(all_at_once)
            for machine in reversed(list(self.all.values())):
                await machine.stop()
            hurrying.cancel()


def _check_same(there: Supervisor, entry: Entry) -> None:
    if there.entry.file != entry.file:
        raise DaemonError(
            f"{entry.file}: machine {entry.name} is that of {there.entry.file}; "
            "give one of them another name in [machine]"
        )
