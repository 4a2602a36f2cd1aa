"""What IDENTIFY DEVICE says of a drive: 256 words, numbered as in ATA-3, table 11."""

from __future__ import annotations

from hotswap.bus import SECTOR

from .ata import MULTIPLE, Drive

MODEL = "hotswap-host disk"
FIRMWARE = "1.0"

FIXED = 0x0040
LBA, IORDY = 0x0200, 0x0800
MULTIPLE_VALID = 0x0100
LBA28_SECTORS = (1 << 28) - 1
CHS_CYLINDERS = 16383
"""What a drive of more than 8 GB says: see LBA."""

POWER_MANAGEMENT, WRITE_CACHE, NOP = 1 << 3, 1 << 5, 1 << 14
FLUSH_CACHE, VALID = 1 << 12, 1 << 14


def identify(drive: Drive, sectors: int, cylinders: int, serial: str) -> bytes:
    """The sector IDENTIFY DEVICE sends, for a medium of `sectors`.

    `cylinders` are those of the default translation, 0 to work them out.
    """
    heads, track = drive.default
    current = drive.cylinders(sectors)
    supported = POWER_MANAGEMENT | NOP
    words = {
        0: FIXED,
        1: cylinders or max(1, min(sectors // (heads * track), CHS_CYLINDERS)),
        3: heads,
        6: track,
        20: 3,  # a buffer with read-ahead
        21: 256,  # of that many sectors
        47: 0x8000 | MULTIPLE,
        48: 1,  # 32-bit cycles at the data port
        49: LBA | IORDY,
        51: 2 << 8,  # PIO mode 2 without IORDY
        53: 0b11,  # words 54-58 and 64-70 are valid
        54: current,
        55: drive.heads,
        56: drive.track,
        59: MULTIPLE_VALID | drive.multiple if drive.multiple else 0,
        64: 0b11,  # PIO modes 3 and 4
        67: 120,  # ns of a PIO cycle without IORDY
        68: 120,  # and with it
        80: 0b11110,  # ATA-1 to ATA-4, which FLUSH CACHE is from
        82: supported | WRITE_CACHE,
        83: VALID | FLUSH_CACHE,
        84: VALID,
        85: supported | (WRITE_CACHE if drive.write_cache else 0),
        86: FLUSH_CACHE,
        87: VALID,
    }
    content = bytearray(SECTOR)
    for number, word in words.items():
        content[2 * number : 2 * number + 2] = word.to_bytes(2, "little")
    capacity = min(current * drive.heads * drive.track, sectors)
    content[57 * 2 : 59 * 2] = capacity.to_bytes(4, "little")
    content[60 * 2 : 62 * 2] = min(sectors, LBA28_SECTORS).to_bytes(4, "little")
    for first, end, text in ((10, 20, serial), (23, 27, FIRMWARE), (27, 47, MODEL)):
        content[2 * first : 2 * end] = _string(text, 2 * (end - first))
    return bytes(content)


def _string(text: str, size: int) -> bytes:
    """Padded with blanks, the first character of each pair in the high byte of its word."""
    padded = text.ljust(size).encode("ascii")
    swapped = bytearray(size)
    swapped[0::2], swapped[1::2] = padded[1::2], padded[0::2]
    return bytes(swapped)
