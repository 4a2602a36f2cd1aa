"""The configuration registers of one logical device (Plug and Play ISA Specification 1.0a, app. A).

    0x30        Activate: bit 0
    0x31        I/O Range Check: bit 1 enables it, bit 0 chooses 0x55 or 0xAA
    0x40-0x5C   memory descriptors 0 to 3, 8 apart: base, control, range length
    0x60-0x6F   I/O descriptors 0 to 7: base, high byte first
    0x70-0x73   interrupts 0 and 1: line, type
    0x74, 0x75  DMA channels 0 and 1; 4 is none

There are those of the descriptors the device has; others read 0. While the device is active they
keep what they have: it has its leases at what they said when it was activated.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import Annotated, TypeVar

import msgspec

from .cycle import MemoryRange, PortRange
from .errors import StateError
from .pnp import Configuration, DmaChoice, IrqChoice, LogicalDevice, MemoryChoice, PortChoice

Byte = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]


class Reg(IntEnum):
    """Of a logical device; of several of a kind the first."""

    ACTIVATE = 0x30
    RANGE_CHECK = 0x31
    MEMORY = 0x40
    IO = 0x60
    IRQ = 0x70
    DMA = 0x74


class MemoryReg(IntEnum):
    """From the first register of a memory descriptor; they stand 8 apart."""

    BASE_HIGH = 0  # address bits 23 to 16
    BASE_LOW = 1  # address bits 15 to 8
    CONTROL = 2  # r here: the fields behind it are a range length, decodes are as wide as asked for
    LENGTH_HIGH = 3  # r: the address bits that are compared
    LENGTH_LOW = 4  # r


MEMORY_STEP = 8
NO_DMA = 4
IRQ_HIGH, IRQ_LEVEL = 0x02, 0x01  # interrupt type
CHECK_ENABLE, CHECK_55 = 0x02, 0x01


class DeviceState(msgspec.Struct):
    """A logical device as it is; `registers` are those the guest writes."""

    active: bool = False
    range_check: Annotated[int, msgspec.Meta(ge=0, le=3)] = 0
    registers: dict[int, Byte] = {}


Choice = TypeVar("Choice", PortChoice, MemoryChoice, IrqChoice, DmaChoice)


class DeviceRegisters:
    """Reads and writes the registers of `device`, whose `state` it is given each time."""

    def __init__(self, device: LogicalDevice) -> None:
        self.device = device
        self.ports, self.windows = device.ports, device.windows
        self.irqs, self.dmas = device.irqs, device.dmas
        self._fixed: dict[int, int] = {}
        self._power_on: dict[int, int] = {}
        for number, windows in enumerate(self.windows):
            first = Reg.MEMORY + number * MEMORY_STEP
            compared = -windows[0].size & 0xFFFFFF
            self._power_on |= {first + MemoryReg.BASE_HIGH: 0, first + MemoryReg.BASE_LOW: 0}
            self._fixed |= {
                first + MemoryReg.LENGTH_HIGH: compared >> 16,
                first + MemoryReg.LENGTH_LOW: compared >> 8 & 0xFF,
            }
        for number in range(len(self.ports)):
            self._power_on |= {Reg.IO + 2 * number: 0, Reg.IO + 2 * number + 1: 0}
        for number, irqs in enumerate(self.irqs):
            self._power_on[Reg.IRQ + 2 * number] = 0
            kind = IRQ_HIGH | (IRQ_LEVEL if irqs[0].level else 0)
            self._fixed[Reg.IRQ + 2 * number + 1] = kind
        for number in range(len(self.dmas)):
            self._power_on[Reg.DMA + number] = NO_DMA

    def power_on(self) -> DeviceState:
        """Inactive, nothing chosen."""
        return DeviceState(registers=dict(self._power_on))

    def check(self, state: DeviceState) -> None:
        """Raise `StateError` when `state` is not one of this device."""
        if state.registers.keys() != self._power_on.keys():
            raise StateError(
                f"logical device {self.device.id} has other configuration registers than were saved"
            )

    def read(self, state: DeviceState, register: int) -> int:
        """A register, 0 when there is none."""
        match register:
            case Reg.ACTIVATE:
                return int(state.active)
            case Reg.RANGE_CHECK:
                return state.range_check
            case _:
                return state.registers.get(register, self._fixed.get(register, 0))

    def write(self, state: DeviceState, register: int, value: int) -> None:
        """A register; that it is active is for the board to make true."""
        if register == Reg.ACTIVATE:
            state.active = bool(value & 1)
            if state.active:
                state.range_check = 0
        elif not state.active and register == Reg.RANGE_CHECK:
            state.range_check = value & (CHECK_ENABLE | CHECK_55)
        elif not state.active and register in self._power_on:
            state.registers[register] = value & (0x0F if register >= Reg.IRQ else 0xFF)

    def checked_ports(self, state: DeviceState) -> list[int]:
        """The ports that the I/O range check answers."""
        if not state.range_check & CHECK_ENABLE or state.active:
            return []
        bases = (self._base(state, n) for n in range(len(self.ports)))
        spans = zip(bases, self.ports, strict=True)
        return [
            port & 0xFFFF
            for base, choices in spans
            if base
            for port in range(base, base + choices[0].count)
        ]

    def _base(self, state: DeviceState, number: int) -> int:
        registers, first = state.registers, Reg.IO + 2 * number
        return registers[first] << 8 | registers[first + 1]

    def configuration(self, state: DeviceState) -> Configuration:
        """What the guest has chosen. Raises `ValueError` when the device cannot do that."""
        registers = state.registers
        windows = []
        for number in range(len(self.windows)):
            first = Reg.MEMORY + number * MEMORY_STEP
            windows.append(registers[first] << 16 | registers[first + 1] << 8)
        return Configuration(
            ports=_chosen(
                "I/O base {:#06x}",
                [self._base(state, number) for number in range(len(self.ports))],
                self.ports,
                lambda choice: choice.bases,
            ),
            windows=_chosen(
                "memory base {:#08x}", windows, self.windows, lambda choice: choice.bases
            ),
            irqs=_chosen(
                "IRQ {}",
                [9 if (n := registers[Reg.IRQ + 2 * i]) == 2 else n for i in range(len(self.irqs))],
                self.irqs,
                lambda choice: choice.lines,
            ),
            dmas=_chosen(
                "DMA {}",
                [registers[Reg.DMA + number] for number in range(len(self.dmas))],
                self.dmas,
                lambda choice: choice.channels,
                nothing=NO_DMA,
            ),
        )

    def spans(self, chosen: Configuration) -> tuple[list[PortRange], list[MemoryRange]]:
        """The ports and the windows of a configuration."""
        ports = [
            PortRange(base, choices[0].count)
            for base, choices in zip(chosen.ports, self.ports, strict=True)
            if base is not None
        ]
        windows = [
            MemoryRange(base, choices[0].size)
            for base, choices in zip(chosen.windows, self.windows, strict=True)
            if base is not None
        ]
        return ports, windows


def _chosen(
    what: str,
    values: Sequence[int],
    columns: Sequence[Sequence[Choice]],
    possible: Callable[[Choice], Sequence[int]],
    nothing: int = 0,
) -> tuple[int | None, ...]:
    """By descriptor what was chosen, None for nothing. Raises `ValueError` for what cannot be."""
    for value, choices in zip(values, columns, strict=True):
        if value != nothing and not any(value in possible(choice) for choice in choices):
            raise ValueError(f"{what.format(value)} is none of those its resource data offer")
    return tuple(None if value == nothing else value for value in values)
