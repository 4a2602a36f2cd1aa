"""What a descriptor says: `struct hotswap_card` of hotswap_card.h, ABI 1.0, as values."""

from __future__ import annotations

from enum import IntEnum

import msgspec

DESCRIPTOR = ".hotswap.card"
MAGIC = 0x44435348  # "HSCD"
ABI = (1, 0)
SIZE = 156
"""Bytes of the struct."""
TIMERS_MAX = 8
RESOURCES_MAX = 32
SETTINGS_MAX = 64
FIELDS_MAX = 512
TEXT_MAX = 4096
FIELD_MAX = 1 << 20
"""Bytes of one field."""
PORTS, IRQS, DRQS = 0x10000, 16, 8

FUNCTIONS = (
    "power_on", "plugged", "reinitialise", "read", "write", "memory_read", "memory_write",
    "dma_read", "dma_write", "dma_end", "timer", "input", "work", "migrate", "output", "restored",
)  # fmt: skip
"""Of the card, in the order of the struct."""


class SettingKind(IntEnum):
    NUMBER = 0
    FLAG = 1
    TEXT = 2


class FieldKind(IntEnum):
    UNSIGNED = 0
    SIGNED = 1
    BOOL = 2
    BYTES = 3
    LIST = 4
    OPTIONAL = 5


class ElfResources(msgspec.Struct, frozen=True):
    """One way to set the jumpers; ports and windows are (first, count)."""

    ports: tuple[tuple[int, int], ...]
    windows: tuple[tuple[int, int], ...]
    irqs: tuple[int, ...]
    drqs: tuple[int, ...]


class ElfSetting(msgspec.Struct, frozen=True):
    """A setting: stored at `at` before power_on."""

    name: str
    help: str
    at: int
    kind: SettingKind
    least: int
    most: int

    @property
    def size(self) -> int:
        """Bytes of its place."""
        return self.most if self.kind is SettingKind.TEXT else 4


class ElfField(msgspec.Struct, frozen=True):
    """A field of the state: `size` bytes at `at`; `length` is where its length is, or 0."""

    name: str
    at: int
    kind: FieldKind
    size: int
    item: int
    length: int


class Functions(msgspec.Struct, frozen=True):
    """Addresses of the card's functions; 0 where it has none."""

    power_on: int
    plugged: int
    reinitialise: int
    read: int
    write: int
    memory_read: int
    memory_write: int
    dma_read: int
    dma_write: int
    dma_end: int
    timer: int
    input: int
    work: int
    migrate: int
    output: int
    restored: int


class Descriptor(msgspec.Struct, frozen=True):
    """What a card says about itself."""

    name: str
    version: str
    abi: tuple[int, int]
    state_version: int
    cycle_width: int
    policy: int
    timers: int
    resources: tuple[ElfResources, ...]
    settings: tuple[ElfSetting, ...]
    fields: tuple[ElfField, ...]
    functions: Functions

    @property
    def windows_unanswered(self) -> bool:
        """It has windows, and no function for them."""
        functions = self.functions
        return not (functions.memory_read or functions.memory_write) and any(
            resources.windows for resources in self.resources
        )
