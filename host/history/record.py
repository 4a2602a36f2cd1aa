"""The record a switchover leaves: a JSON file in a folder, written whole or not at all.

The folder is HOTSWAP_HOST_HISTORY, or hotswap-host/history in the XDG state folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from hotswap.bus import HotswapError
from hotswap.switchover.report import PhaseEvent, Report

KEPT = 1000
"""Records; the oldest make room for new ones."""
FORMAT = 1
_SUFFIX = ".json"


class HistoryError(HotswapError):
    """A record cannot be kept or read: which, why, and what to do."""


class Moment(msgspec.Struct, frozen=True):
    """A phase began, ended or failed `at_ms` after the switchover was asked for."""

    at_ms: float
    phase: str
    state: Literal["begun", "done", "failed"]
    instructions: int = 0
    why: str = ""


class Record(msgspec.Struct):
    """One switchover. `id` is when it began and tells it apart, `machine` the process it ran in.

    `image` is the file the new kernel came from. `took_ms` is from request to report.
    """

    id: str
    began: str
    machine: int
    image: str
    took_ms: float
    report: Report
    moments: list[Moment]
    format: int = FORMAT


class Recording:
    """A switchover as it happens; put `tell` between the coordinator and who listens to it."""

    def __init__(self, image: str, further: Callable[[object], None]) -> None:
        self._image, self._further = image, further
        self._wall, self._began = datetime.now(UTC), time.perf_counter_ns()
        self._moments: list[Moment] = []

    def _since(self) -> float:
        return (time.perf_counter_ns() - self._began) / 1e6

    def tell(self, event: object) -> None:
        """Note an event, and pass it on."""
        if isinstance(event, PhaseEvent):
            self._moments.append(
                Moment(self._since(), event.phase, event.state, event.instructions, event.why)
            )
        self._further(event)

    def record(self, report: Report) -> Record:
        """What is to be kept, now that it is over."""
        return Record(
            id=f"{self._wall:%Y%m%d-%H%M%S-%f}",
            began=self._wall.isoformat(timespec="milliseconds"),
            machine=os.getpid(),
            image=self._image,
            took_ms=self._since(),
            report=report,
            moments=self._moments,
        )


def folder() -> Path:
    """Where records are kept."""
    if named := os.environ.get("HOTSWAP_HOST_HISTORY"):
        return Path(named)
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "hotswap-host" / "history"


def keep(record: Record, at: Path) -> Path:
    """Write `record` into the folder `at`, and let the oldest go. Raises HistoryError."""
    path = at / f"{record.id}{_SUFFIX}"
    part = path.with_suffix(".part")
    try:
        at.mkdir(parents=True, exist_ok=True)
        try:
            part.write_bytes(msgspec.json.encode(record))
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        for old in _files(at)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        raise HistoryError(
            f"{path}: {error.strerror}, so the switchover leaves no record; make room there, or "
            "name another folder in HOTSWAP_HOST_HISTORY"
        ) from error
    return path


def load(path: Path) -> Record:
    """Read a record. Raises HistoryError."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=Record)
    except OSError as error:
        raise HistoryError(f"{path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise HistoryError(f"{path}: no record of a switchover ({error}); remove it") from error
    if record.format != FORMAT:
        raise HistoryError(
            f"{path}: has format {record.format}, here it is {FORMAT}; read it with the "
            "hotswap-host that wrote it"
        )
    return record


def records(at: Path, problem: Callable[[str], None]) -> Iterator[Record]:
    """All records in the folder `at`, oldest first; `problem` hears of those that are none."""
    for path in _files(at):
        try:
            yield load(path)
        except HistoryError as error:
            problem(str(error))


def find(at: Path, name: str) -> Record:
    """The record whose id begins with `name`; `last` is the newest. Raises HistoryError."""
    files = _files(at)
    if name == "last":
        chosen = files[-1:]
    else:
        chosen = [path for path in files if path.name.startswith(name)]
    if len(chosen) == 1:
        return load(chosen[0])
    if chosen:
        raise HistoryError(f"{len(chosen)} records begin with {name!r}; give more of the id")
    what = f"no record begins with {name!r}" if files and name != "last" else "no record is there"
    raise HistoryError(f"{at}: {what}; `hotswap-host history` lists all")


def _files(at: Path) -> list[Path]:
    """Ids are times, so their order is that of the switchovers."""
    return sorted(at.glob(f"[0-9]*{_SUFFIX}"))
