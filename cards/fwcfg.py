"""Firmware configuration device: ports 0x510-0x511. What the host tells a BIOS: memory map, ROMs.

QEMU, docs/specs/fw_cfg.rst, the I/O-port interface without DMA. A 16-bit OUT to 0x510 chooses an
item, each IN from 0x511 gives its next byte, 0 after the last. Item 0x19 is the directory of files.
"""

from __future__ import annotations

import struct
from enum import IntEnum
from typing import Annotated, Any

import msgspec

from hotswap.bus import FLOATING, Card, Policy, PortRange, Settings, State, hookimpl


class Port(IntEnum):
    SELECTOR = 0x510  # w, 16 bits
    DATA = 0x511  # r, 8 bits


class Item(IntEnum):
    """Keys of the selector; a file's is `FIRST_FILE` + its number in the directory."""

    SIGNATURE = 0x00
    ID = 0x01  # u32: the interfaces there are
    RAM_SIZE = 0x03  # u64, bytes
    GRAPHICS_OFF = 0x04  # u16
    CPUS = 0x05  # u16
    BOOT_MENU = 0x0E  # u16
    MAX_CPUS = 0x0F  # u16
    FILE_DIR = 0x19
    FIRST_FILE = 0x20


SIGNATURE = b"QEMU"
TRADITIONAL = 1 << 0  # in ID: selector and data port
NAME_MAX = 55
FILES_MAX = 0x4000 - Item.FIRST_FILE  # bits 14 and 15 of a key have other meanings
_ENTRY = struct.Struct(">IHxx56s")


class FwCfgSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """What there is to tell. `files` by name, e.g. `vgaroms/vgabios.bin`."""

    memory_kib: Annotated[int, msgspec.Meta(ge=0)] = 65_536
    files: dict[str, bytes] = msgspec.field(default_factory=dict)


class FwCfgState(State):
    selector: int = Item.SIGNATURE
    offset: int = 0


class FwCfg(Card[FwCfgState]):
    """A table of byte strings, read one byte at a time."""

    name = "fwcfg"
    ports = PortRange(Port.SELECTOR, 2)
    cycle_width = 2
    switchover = Policy.CARRY
    state_type = FwCfgState
    settings_type = FwCfgSettings
    settings: FwCfgSettings

    def __init__(self, settings: FwCfgSettings | None = None) -> None:
        super().__init__(settings)
        files = sorted(self.settings.files.items())
        if len(files) > FILES_MAX:
            raise ValueError(f"{len(files)} files, at most {FILES_MAX} have a key")
        self._items: dict[int, bytes] = {
            Item.SIGNATURE: SIGNATURE,
            Item.ID: struct.pack("<I", TRADITIONAL),
            Item.RAM_SIZE: struct.pack("<Q", self.settings.memory_kib * 1024),
            Item.GRAPHICS_OFF: struct.pack("<H", 0),
            Item.CPUS: struct.pack("<H", 1),
            Item.BOOT_MENU: struct.pack("<H", 0),
            Item.MAX_CPUS: struct.pack("<H", 1),
        }
        directory = struct.pack(">I", len(files))
        for key, (name, content) in enumerate(files, Item.FIRST_FILE):
            if not 0 < len(name.encode()) <= NAME_MAX:
                raise ValueError(f"file name {name!r} is empty or longer than {NAME_MAX} bytes")
            self._items[key] = content
            directory += _ENTRY.pack(len(content), key, name.encode())
        self._items[Item.FILE_DIR] = directory

    def read(self, port: int, width: int) -> int:
        """The next byte of the item; the selector is write only."""
        if port != Port.DATA:
            return FLOATING[width]
        state = self.state
        item = self._items.get(state.selector, b"")
        at, state.offset = state.offset, state.offset + 1
        return item[at] if at < len(item) else 0

    def write(self, port: int, width: int, value: int) -> None:
        """Choose an item and begin at its first byte. Writes of data are ignored."""
        if port == Port.SELECTOR:
            self.state.selector, self.state.offset = value, 0


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return FwCfg if name == FwCfg.name else None
