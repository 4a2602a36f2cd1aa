"""What can end a switchover, and what can be wrong with a map or an image."""

from __future__ import annotations

from hotswap.bus.errors import HotswapError

from . import blame
from .faults import Fault
from .report import Report


class SwitchoverError(HotswapError):
    """Root of the ways a switchover does not happen. Never raised itself."""


class Refused(SwitchoverError):
    """The switchover was not begun, or was called off before R1: nothing has changed.

    `reason` is what is wrong, `todo` is what to do next, `fault_of` says whose fault it is.
    """

    def __init__(self, reason: str, todo: str, fault_of: str = blame.OPERATOR) -> None:
        super().__init__(f"{reason}; {todo}")
        self.reason = reason
        self.todo = todo
        self.fault_of = fault_of


class ImageError(Refused):
    """A kernel image cannot be used: `what` is wrong `where` in it (both are the reason)."""

    def __init__(self, what: str, where: str, todo: str, fault_of: str = blame.NEW) -> None:
        super().__init__(f"{where}: {what}", todo, fault_of)
        self.where = where


class RolledBack(SwitchoverError):
    """The machine is back at R1 under the old kernel, exactly as if nothing had been tried.

    `phase` is the phase that failed, `reason` what happened in it, `report` the whole of it.
    """

    def __init__(self, phase: str, reason: str, report: Report) -> None:
        super().__init__(
            f"rolled back in {phase}: {reason} (fault of: {report.fault_of}); "
            f"{report.saved}; {report.todo}"
        )
        self.phase = phase
        self.reason = reason
        self.report = report


class DurabilityError(HotswapError):
    """R1 cannot be kept on the host's disk, or not be had from there: what, where, what next."""


class DamagedError(DurabilityError):
    """What is there on the host's disk is not what was written: nobody can go on from it."""


class Lost(SwitchoverError):
    """Neither kernel can go on: the rollback itself failed. Power the machine on again.

    An R1 that is kept on the host's disk is still there, and nothing has left since.
    """

    def __init__(self, why: str, report: Report) -> None:
        super().__init__(f"{why}; {report.todo}")
        self.report = report


class MapError(HotswapError):
    """One thing wrong with a Save State Map.

    `code` is the Fault (its `level` says which check), `where` the place in the map, `what` was
    found there, `todo` next. The kernel that wrote the map is at fault, or whoever changed it.
    """

    def __init__(self, code: Fault, where: str, what: str, todo: str) -> None:
        super().__init__(f"L{code.level} {code.name}: {where}: {what}; {todo}")
        self.code = code
        self.where = where
        self.what = what
        self.todo = todo
