"""A guest of ISA Plug and Play cards, written from the specification (1.0a), port by port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotswap.host.pytest_plugin import Ports

ADDRESS, WRITE_DATA, READ_DATA = 0x279, 0xA79, 0x213
KEY = bytes.fromhex("6ab5daedf6fb7dbedf6f371b0d86c361b0582c168b45a2d1e8743a9dcee77339")
"""As it is printed in 4.4, not as it is computed."""


class Item(NamedTuple):
    """One item of resource data; `name` is its tag without the length of a small one."""

    name: int
    content: bytes


class PnpGuest:
    """Drives the three ports."""

    def __init__(self, ports: Ports, read_data: int = READ_DATA) -> None:
        self._ports, self.read_data = ports, read_data

    def write(self, register: int, value: int) -> None:
        """A register, by ADDRESS and WRITE_DATA."""
        self._ports.write(ADDRESS, register)
        self._ports.write(WRITE_DATA, value)

    def read(self, register: int) -> int:
        """A register, by ADDRESS and READ_DATA."""
        self._ports.write(ADDRESS, register)
        return self._ports.read(self.read_data)

    def send_key(self) -> None:
        """Two zeros, then the initiation key: from Wait for Key to Sleep."""
        for byte in b"\0\0" + KEY:
            self._ports.write(ADDRESS, byte)

    def wait_for_key(self) -> None:
        """The end of a conversation."""
        self.write(0x02, 0x02)

    def isolate(self, first_csn: int = 1) -> dict[int, bytes]:
        """Every card without a number gets one; returns vendor and serial number by it."""
        found: dict[int, bytes] = {}
        csn = first_csn
        while True:
            self.write(0x03, 0)
            self.write(0x00, self.read_data >> 2)
            if (identifier := self.read_identifier()) is None:
                return found
            self.write(0x06, csn)
            found[csn] = identifier
            csn += 1

    def read_identifier(self) -> bytes | None:
        """72 pairs of reads; None when the checksum is wrong, as it is when nobody answers."""
        self._ports.write(ADDRESS, 0x01)
        bits = [self._pair() for _ in range(72)]
        checksum = 0x6A
        for bit in bits[:64]:
            checksum = checksum >> 1 | ((checksum ^ checksum >> 1 ^ bit) & 1) << 7
        content = bytes(sum(bits[at + n] << n for n in range(8)) for at in range(0, 72, 8))
        return content[:8] if content[8] == checksum and any(content[:8]) else None

    def _pair(self) -> int:
        first, second = (self._ports.read(self.read_data) for _ in range(2))
        return int((first, second) == (0x55, 0xAA))

    def wake(self, csn: int) -> None:
        """The card of this number to Config, all others to Sleep."""
        self.write(0x03, csn)

    def items(self) -> Iterator[Item]:
        """The resource data of the card that is awake, from its serial identifier on."""
        for _ in range(9):
            self._next()
        total, name = 0, 0
        while name != 0xF << 3:
            head = self._next()
            if head & 0x80:
                name, size = head, bytes((self._next(), self._next()))
                content = bytes(self._next() for _ in range(int.from_bytes(size, "little")))
            else:
                name, size = head & 0x78, b""
                content = bytes(self._next() for _ in range(head & 7))
            total += head + sum(size) + sum(content)
            yield Item(name, content)
        assert total & 0xFF == 0, "the checksum of the END tag"

    def _next(self) -> int:
        assert self.read(0x05) & 1, "there is no more resource data"
        return self.read(0x04)

    def activate(self, device: int, base: int, irq: int) -> bool:
        """Put the first ports and the first line of a logical device of the card that is awake."""
        self.write(0x07, device)
        self.write(0x60, base >> 8)
        self.write(0x61, base & 0xFF)
        self.write(0x70, irq)
        self.write(0x30, 1)
        return self.read(0x30) == 1

    def deactivate(self, device: int) -> None:
        """Its leases are given back."""
        self.write(0x07, device)
        self.write(0x30, 0)
