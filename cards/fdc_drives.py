"""The diskette controller's drives: which one is selected, and every command that moves one.

What takes time has a deadline in `FdcState`: `due` says which comes first, `serve` does what it
stands for. The drives step and turn `speed` times as fast as real ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import structlog

from hotswap.bus import MediaError, State

from .diskette import Drive, Mechanism
from .i82077 import I82077
from .i82077_execution import Execution
from .i82077_registers import (
    DOR,
    MSR,
    RATES,
    ST0,
    ST3,
    Code,
    Config,
    Flag,
)
from .i82077_transfer import Step, Transfer, parse

STEPS = 79
"""Most of a RECALIBRATE."""
STEP_NS = 500_000
"""Unit of SRT at 1000 kbit/s."""
SETTLE_NS = 20_000
"""Of a reset, and of a seek without a step: no interrupt comes in the cycle that asks for it."""


class Seek(msgspec.Struct):
    """Under way: so many steps inward, to what the chip will take for `cylinder`."""

    due: int
    steps: int
    cylinder: int
    recalibrates: bool = False


class FdcState(State):
    drives: list[Drive]
    chip: I82077 = msgspec.field(default_factory=I82077)
    seeks: dict[int, Seek] = msgspec.field(default_factory=dict)
    """By drive."""
    transfer: Transfer | None = None
    up: int | None = None
    """When the chip comes up from its reset (ns of machine time)."""


class Drives:
    """What is on the cable. Every call is given the card's state."""

    def __init__(self, mechanisms: Sequence[Mechanism], speed: int) -> None:
        self._mechanisms = mechanisms
        self._speed = speed

    def selected(self, state: FdcState) -> tuple[Drive, Mechanism] | None:
        """The drive the chip talks to; None when there is none, or its motor is off."""
        number = state.chip.selected
        if number is None or number >= len(self._mechanisms):
            return None
        mechanism = self._mechanisms[number]
        return (state.drives[number], mechanism) if mechanism.model.cylinders else None

    def _addressed(self, state: FdcState, number: int) -> tuple[Drive, Mechanism] | None:
        return self.selected(state) if number == state.chip.selected else None

    # -- commands -----------------------------------------------------------------------------

    def begin(self, state: FdcState, command: bytes, now: int) -> None:
        """Carry out, or start, a command of the chip."""
        first, number = command[0], command[1] & ST0.DS
        pcn = state.chip.pcn[number]
        match first & 0x1F:
            case Code.SENSE_DRIVE_STATUS:
                self._sense(state, command[1])
            case Code.RECALIBRATE:
                self._seek(state, number, Seek(now, -STEPS, 0, recalibrates=True), now)
            case Code.SEEK if first & 0x80:
                steps = command[2] if first & Flag.INWARD else -command[2]
                self._seek(state, number, Seek(now, steps, pcn + steps & 0xFF), now)
            case Code.SEEK:
                self._seek(state, number, Seek(now, command[2] - pcn, command[2]), now)
            case _:
                self._transfer(state, command, now)

    def _sense(self, state: FdcState, select: int) -> None:
        status = ST3.ONES | select & (ST3.HD | ST3.DS)
        if there := self._addressed(state, select & ST3.DS):
            drive, mechanism = there
            status |= 0 if drive.cylinder else ST3.T0
            status |= ST3.WP if mechanism.disk.read_only else 0
        state.chip.answer(status)

    def _step_ns(self, state: FdcState, steps: int) -> int:
        srt = state.chip.specified[0] >> 4
        unit = STEP_NS * 1000 // RATES[state.chip.rate]
        return SETTLE_NS + abs(steps) * (16 - srt) * unit // self._speed

    def _seek(self, state: FdcState, number: int, seek: Seek, now: int) -> None:
        steps = seek.steps
        if seek.recalibrates and (there := self._addressed(state, number)):
            steps = min(STEPS, there[0].cylinder)
        seek.due = now + self._step_ns(state, steps)
        state.seeks[number] = seek
        state.chip.busy |= MSR.DRV0_BUSY << number

    def _transfer(self, state: FdcState, command: bytes, now: int) -> None:
        chip, transfer = state.chip, parse(command)
        state.transfer = transfer
        named = transfer.code not in (Code.READ_ID, Code.FORMAT_TRACK)
        steps = transfer.c - chip.pcn[transfer.drive]
        if chip.config & Config.EIS and named:
            transfer.st0 |= ST0.SE
            chip.pcn[transfer.drive] = transfer.c
            if steps and (there := self._addressed(state, transfer.drive)):
                there[1].step(there[0], steps)
            transfer.step, transfer.due = Step.SEEK, now + self._step_ns(state, steps)
        else:
            self.execution(state, transfer).start(now)

    def execution(self, state: FdcState, transfer: Transfer) -> Execution:
        """Of the transfer, on the drive it names."""
        there = self._addressed(state, transfer.drive)
        drive, mechanism = there or (Drive(), None)
        return Execution(transfer, drive, mechanism, RATES[state.chip.rate], self._speed)

    # -- deadlines ----------------------------------------------------------------------------

    def due(self, state: FdcState) -> int | None:
        """The next deadline; 0 when something is to be saved at once."""
        deadlines = [seek.due for seek in state.seeks.values()]
        if state.up is not None:
            deadlines.append(state.up)
        if state.transfer is not None and state.transfer.due is not None:
            deadlines.append(state.transfer.due)
        if any(True for _ in self._stopped(state)):
            deadlines.append(0)
        return min(deadlines, default=None)

    def serve(self, state: FdcState, now: int) -> None:
        """Do what is due."""
        if state.up is not None and state.up <= now:
            state.up = None
            state.chip.ready()
        for number, seek in sorted(state.seeks.items()):
            if seek.due <= now:
                self._arrive(state, number, seek)
        transfer = state.transfer
        if transfer is not None and transfer.due is not None and transfer.due <= now:
            self._proceed(state, transfer, now)
        for drive, mechanism in self._stopped(state):
            drive.unsaved = False
            try:
                mechanism.disk.flush()
            except MediaError as error:
                structlog.get_logger().warning("diskette not saved", card="fdc", what=str(error))

    def _arrive(self, state: FdcState, number: int, seek: Seek) -> None:
        del state.seeks[number]
        status = 0
        there = self._addressed(state, number)
        if there is not None:
            drive, mechanism = there
            steps = max(-drive.cylinder, seek.steps) if seek.recalibrates else seek.steps
            mechanism.step(drive, steps)
        if seek.recalibrates and (there is None or there[0].cylinder):
            status = ST0.ABNORMAL | ST0.EC
        state.chip.seek_ended(number, seek.cylinder, status)

    def _proceed(self, state: FdcState, transfer: Transfer, now: int) -> None:
        chip = state.chip
        if self.execution(state, transfer).proceed(now):
            state.transfer = None
            chip.answer(*transfer.result())
            chip.int_ = True
        elif transfer.ready and chip.non_dma:
            chip.int_ = True

    def _stopped(self, state: FdcState) -> Iterator[tuple[Drive, Mechanism]]:
        """Drives with something to save, whose motor is off."""
        for number, (drive, mechanism) in enumerate(
            zip(state.drives, self._mechanisms, strict=True)
        ):
            if drive.unsaved and not state.chip.dor & DOR.MOT0 << number:
                yield drive, mechanism
