"""Thermometer card: 4 ports, an IRQ and, if wanted, a DRQ. It measures 8 probes, one at a time.

The card is invented, its parts are usual: the converter takes 35 us, as an AD574A does, and gives
12 bits, two's complement, in sixteenths of a degree Celsius. What the probes feel is a setting that
may be changed while the machine runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum, IntFlag
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import trio

from hotswap.bus import (
    Card,
    Policy,
    PortRange,
    Resources,
    Settings,
    Slot,
    State,
    hookimpl,
)

CONVERSION_NS = 35_000
PROBES = 8
BASES = (0x300, 0x310, 0x320)
IRQS = (5, 7, 11)

Celsius = Annotated[float, msgspec.Meta(ge=-128, lt=128)]


class Register(IntEnum):
    """Offsets from the base."""

    CONTROL = 0  # w
    STATUS = 0  # r
    PROBE = 1  # rw: 0 to 7
    LOW = 2  # r
    HIGH = 3  # r: sign-extended; takes the interrupt request back


class Control(IntFlag):
    START = 0x01  # measure once
    BLOCK = 0x02  # measure again and again, each reading by DMA, until TC


class Status(IntFlag):
    BUSY = 0x01
    READY = 0x02  # a reading is there, or a block is complete


class ThermometerSettings(Settings, frozen=True):
    """The jumpers, None for the first that is free, and what the probes feel."""

    base: Literal[0x300, 0x310, 0x320] | None = None
    irq: Literal[5, 7, 11] | None = None
    drq: Literal[1, 3] | None = None
    """None: no DMA."""
    celsius: Annotated[list[Celsius], msgspec.Meta(min_length=8, max_length=8)] = msgspec.field(
        default_factory=lambda: [20.0] * PROBES
    )
    """By probe; may be set while the card is plugged in."""


class ThermometerState(State):
    """All the card knows. Version 1 measured in whole degrees and had no blocks."""

    VERSION: ClassVar[int] = 2

    probe: int = 0
    reading: int = 0
    """Sixteenths of a degree."""
    status: int = 0
    block: bool = False
    due: int | None = None
    """When the conversion ends, in ns of machine time."""
    fifo: bytes = b""
    """A reading that waits for the DMA controller."""

    @classmethod
    def migrate(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """From version 1."""
        if version != 1:
            return super().migrate(version, fields)
        return {
            "probe": fields["probe"],
            "reading": fields["degrees"] * 16,
            "status": Status.READY if fields["ready"] else 0,
        }


class Thermometer(Card[ThermometerState]):
    """Measures a probe when it is told to, or all the time into memory."""

    name = "thermometer"
    api = (1, 0)
    switchover = Policy.CARRY
    state_type = ThermometerState
    settings_type = ThermometerSettings
    settable = frozenset({"celsius"})
    settings: ThermometerSettings

    def alternatives(self) -> Sequence[Resources]:
        """Every place the jumpers leave open, the usual one first."""
        settings = self.settings
        return [
            Resources(
                ports=(PortRange(base, len(Register)),),
                irqs=(irq,),
                drqs=() if settings.drq is None else (settings.drq,),
            )
            for base in (BASES if settings.base is None else (settings.base,))
            for irq in (IRQS if settings.irq is None else (settings.irq,))
        ]

    def plugged(self, slot: Slot) -> None:
        """Which of them it is."""
        self._base = slot.resources.ports[0].start

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """A register."""
        state = self.state
        match port - self._base:
            case Register.STATUS:
                return state.status
            case Register.PROBE:
                return state.probe
            case Register.LOW:
                return state.reading & 0xFF
            case _:
                state.status &= ~Status.READY
                self.slot.irq.set(False)
                return state.reading >> 8 & 0xFF

    def write(self, port: int, width: int, value: int) -> None:
        """Choose a probe, or start."""
        match port - self._base:
            case Register.CONTROL:
                self.state.block = bool(value & Control.BLOCK and self.slot.drqs)
                if value & (Control.START | Control.BLOCK):
                    self._start()
            case Register.PROBE:
                self.state.probe = value % PROBES

    def dma_read(self, line: int, size: int) -> bytes:
        """The reading, in one piece or two; then the next conversion begins."""
        state = self.state
        moved, state.fifo = state.fifo[:size], state.fifo[size:]
        if not state.fifo:
            self.slot.drq.set(False)
            self._start()
        return moved

    def dma_end(self, line: int) -> None:
        """The block is complete."""
        state = self.state
        state.block, state.due, state.fifo = False, None, b""
        state.status = Status.READY
        self.slot.alarm.set(None)
        self.slot.drq.set(False)
        self.slot.irq.set(True)

    # -- the converter ------------------------------------------------------------------------

    def _start(self) -> None:
        state = self.state
        state.status = Status.BUSY
        state.due = self.slot.clock.now() + CONVERSION_NS
        self.slot.alarm.set(state.due)

    def _converted(self) -> None:
        """The conversion has ended; called in the CPU's turn."""
        state = self.state
        if state.due is None or self.slot.clock.now() < state.due:
            return
        state.due = None
        state.reading = round(self.settings.celsius[state.probe] * 16)
        if state.block:
            state.fifo = (state.reading & 0xFFFF).to_bytes(2, "little")
            self.slot.drq.set(True)
        else:
            state.status = Status.READY
            self.slot.irq.set(True)

    async def run(self, slot: Slot) -> None:
        """Go on with the conversion under way, then wait for each one's end."""
        slot.alarm.set(self.state.due)
        with slot.calling(self._converted):
            await trio.sleep_forever()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """What the entry point `thermometer` in group `hotswap.cards` leads to."""
    return Thermometer if name == Thermometer.name else None
