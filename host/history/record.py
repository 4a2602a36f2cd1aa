"""The record a switchover leaves: a JSON file in a folder, written whole or not at all.

Records are numbered in the order in which their switchovers ended, whatever a clock says. The
folder is HOTSWAP_HOST_HISTORY, or hotswap-host/history in the XDG state folder.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import structlog
import trio

from hotswap.bus import HotswapError
from hotswap.switchover.report import PhaseEvent, Report

KEPT = 1000
"""Records; the oldest make room for new ones."""
FORMAT = 1
PATIENCE = 5.0
"""Seconds a record may take; the machine is locked meanwhile."""
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
    """One switchover. `id` is its number in the folder, empty until it is kept.

    `began` by the wall clock, `machine` is the process it ran in, `image` the file the new kernel
    came from, or what it is called. `took_ms` is from its beginning to its report.
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
    """A switchover as it happens, to be kept in the folder `at`: a `Witness`."""

    def __init__(self, at: Path, image: str) -> None:
        self._at, self._image = at, image
        self._wall, self._began = datetime.now(UTC), time.perf_counter_ns()
        self._moments: list[Moment] = []

    def _since(self) -> float:
        return (time.perf_counter_ns() - self._began) / 1e6

    def tell(self, event: PhaseEvent) -> None:
        """Note an event."""
        self._moments.append(
            Moment(self._since(), event.phase, event.state, event.instructions, event.why)
        )

    async def close(self, report: Report) -> None:
        """Keep the record: `report.record` is its number, or `record_error` what is wrong."""
        record = self.record(report)
        try:
            with trio.fail_after(PATIENCE):
                await trio.to_thread.run_sync(keep, record, self._at, abandon_on_cancel=True)
        except trio.TooSlowError:
            report.record_error = f"{self._at}: it takes longer than {PATIENCE:g} s to write there"
        except HistoryError as error:
            structlog.get_logger().error("no record", why=str(error))
            report.record_error = str(error)

    def record(self, report: Report) -> Record:
        """What is to be kept, now that it is over."""
        return Record(
            id="",
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
    """Write `record` into the folder `at` under the next number, and let the oldest go.

    Raises HistoryError; then it has no number.
    """
    part = at / f"{os.getpid()}-{threading.get_ident()}.part"
    try:
        at.mkdir(parents=True, exist_ok=True)
        try:
            path = _next(record, part, at)
        finally:
            part.unlink(missing_ok=True)
        for old in _files(at)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError as error:
        record.id = record.report.record = ""
        raise HistoryError(
            f"{at}: {error.strerror}, so the switchover leaves no record; make room there, or "
            "name another folder in HOTSWAP_HOST_HISTORY"
        ) from error
    return path


def _next(record: Record, part: Path, at: Path) -> Path:
    """Write it to `part`, and give that the first number nobody has taken: machines share `at`."""
    number = max(map(_number, _files(at)), default=0)
    while True:
        number += 1
        record.id = record.report.record = str(number)
        part.write_bytes(msgspec.json.encode(record))
        path = at / f"{number}{_SUFFIX}"
        try:
            path.hardlink_to(part)  # fails when there is one, as a rename does not
        except FileExistsError:
            continue
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
    """The record of that id; `last` is the newest. Raises HistoryError."""
    files = _files(at)
    chosen = files[-1:] if name == "last" else [path for path in files if path.stem == name]
    if chosen:
        return load(chosen[0])
    what = f"no record is called {name!r}" if files and name != "last" else "no record is there"
    raise HistoryError(f"{at}: {what}; `hotswap-host history` lists all")


def _files(at: Path) -> list[Path]:
    """All records, in the order of their switchovers. Raises HistoryError."""
    try:
        found = [path for path in at.iterdir() if path.suffix == _SUFFIX]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise HistoryError(f"{at}: {error.strerror}; name another one by --folder") from error
    return sorted((path for path in found if path.stem.isdecimal()), key=_number)


def _number(path: Path) -> int:
    return int(path.stem)
