"""Resource data: what a Plug and Play card says of itself, as the bytes a guest reads from it.

Plug and Play ISA Specification 1.0a, section 6: a serial identifier of 9 bytes, then tagged items.
A small item has its length in the low three bits of its tag, a large one in two bytes behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import IntEnum

from .pnp import Choices, LogicalDevice, PlugAndPlay

SEED = 0x6A
"""Of the LFSR that makes the initiation key and the checksum of the serial identifier."""
IDENTIFIER = 9
"""Bytes of the serial identifier: vendor, serial number, checksum."""


class Small(IntEnum):
    """Names of small items (6.2.2)."""

    VERSION = 0x1
    LOGICAL_DEVICE = 0x2
    COMPATIBLE = 0x3
    IRQ = 0x4
    DMA = 0x5
    START_DEPENDENT = 0x6
    END_DEPENDENT = 0x7
    IO = 0x8
    END = 0xF


class Large(IntEnum):
    """Names of large items (6.2.3), with the bit that says they are."""

    MEMORY = 0x81
    NAME = 0x82


PNP_VERSION = 0x10  # 1.0, in BCD
RANGE_CHECK = 0x02  # flags of a logical device: it has register 0x31
HIGH_LEVEL = 0x04  # an IRQ's kind; without a kind it is a high true edge
DECODES_16_BITS = 0x01
WRITABLE, BYTES_AND_WORDS = 0x01, 0x10
DMA_BYTES, DMA_BOTH, DMA_WORDS = 0x08, 0x19, 0x12  # widths, and what is counted
PREFERENCES = 2
"""Dependent functions are good, acceptable or sub-optimal: 0 to 2."""


def step(lfsr: int, bit: int = 0) -> int:
    """The LFSR of appendix B, shifted once; `bit` is fed into it for a checksum."""
    return lfsr >> 1 | ((lfsr ^ lfsr >> 1 ^ bit) & 1) << 7


def eisa_id(name: str) -> bytes:
    """`PNP0501` in four bytes: five bits a letter, then the digits."""
    first, second, third = (ord(letter) - 0x40 for letter in name[:3])
    letters = first << 10 | second << 5 | third
    return letters.to_bytes(2, "big") + bytes.fromhex(name[3:])


def serial_identifier(identity: PlugAndPlay, serial: int) -> bytes:
    """The 72 bits of the isolation, least significant of each byte first."""
    content = eisa_id(identity.id) + serial.to_bytes(4, "little")
    checksum = SEED
    for byte in content:
        for bit in range(8):
            checksum = step(checksum, byte >> bit & 1)
    return content + bytes((checksum,))


def resource_data(identity: PlugAndPlay) -> bytes:
    """All items, up to the END tag and its checksum: their sum is 0."""
    items = _small(Small.VERSION, bytes((PNP_VERSION, 0))) + _name(identity.name)
    items += b"".join(_device(device) for device in identity.devices)
    items += bytes((Small.END << 3 | 1,))
    return items + bytes((-sum(items) & 0xFF,))


def _device(device: LogicalDevice) -> bytes:
    items = _small(Small.LOGICAL_DEVICE, eisa_id(device.id) + bytes((RANGE_CHECK,)))
    items += b"".join(_small(Small.COMPATIBLE, eisa_id(other)) for other in device.compatible)
    if device.name:
        items += _name(device.name)
    items += b"".join(_choices(device.always))
    for number, alternative in enumerate(device.alternatives):
        items += _small(Small.START_DEPENDENT, bytes((min(number, PREFERENCES),)))
        items += b"".join(_choices(alternative))
    return items + (_small(Small.END_DEPENDENT) if device.alternatives else b"")


def _choices(choices: Choices) -> Iterator[bytes]:
    for ports in choices.ports:
        ends = ports.first.to_bytes(2, "little") + ports.bases[-1].to_bytes(2, "little")
        yield _small(Small.IO, bytes((DECODES_16_BITS, *ends, ports.step, ports.count)))
    for window in choices.windows:
        fields = (
            window.first >> 8,
            window.bases[-1] >> 8,
            window.step & 0xFFFF,  # 0 says 64 KiB
            window.size >> 8,
        )
        words = b"".join(field.to_bytes(2, "little") for field in fields)
        yield _large(Large.MEMORY, bytes((WRITABLE | BYTES_AND_WORDS, *words)))
    for irq in choices.irqs:
        lines = sum(1 << line for line in set(irq.lines)).to_bytes(2, "little")
        yield _small(Small.IRQ, lines + bytes((HIGH_LEVEL,) if irq.level else ()))
    for dma in choices.dmas:
        channels = sum(1 << channel for channel in set(dma.channels))
        kind = DMA_BYTES if min(dma.channels) <= 3 else DMA_WORDS
        if min(dma.channels) <= 3 < max(dma.channels):
            kind = DMA_BOTH
        yield _small(Small.DMA, bytes((channels, kind)))


def _name(name: str) -> bytes:
    return _large(Large.NAME, name.encode("ascii"))


def _small(name: Small, content: bytes = b"") -> bytes:
    return bytes((name << 3 | len(content),)) + content


def _large(name: Large, content: bytes) -> bytes:
    return bytes((name,)) + len(content).to_bytes(2, "little") + content
