"""Reading a descriptor out of a card's memory.

Every pointer, count, string and range is checked; nothing the card says is believed later that was
not looked at here.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

from .descriptor import (
    ABI,
    DESCRIPTOR,
    DRQS,
    FIELD_MAX,
    FIELDS_MAX,
    FUNCTIONS,
    IRQS,
    MAGIC,
    PORTS,
    RESOURCES_MAX,
    SETTINGS_MAX,
    SIZE,
    TEXT_MAX,
    TIMERS_MAX,
    Descriptor,
    ElfField,
    ElfResources,
    ElfSetting,
    FieldKind,
    Functions,
    SettingKind,
)
from .errors import ElfError
from .peek import Peek
from .place import PAGE

_HEAD = struct.Struct("<IIHH32s16sIBBBBIIIIII")
_RESOURCES = struct.Struct("<16H8IBB4s4s2s")
_ENTRY = struct.Struct("<6I")  # a setting, and a field
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")


def read_descriptor(address: int, peek: Peek) -> Descriptor:
    """The descriptor at `address`. Raises `ElfError`."""
    return _Reader(address, peek).read()


class _Reader:
    def __init__(self, address: int, peek: Peek) -> None:
        self._address, self._peek = address, peek
        self._taken: list[tuple[int, int, str]] = []
        """Spans of data that settings and fields are in."""

    def _error(self, field: str, what: str) -> ElfError:
        return self._peek.error(f"section {DESCRIPTOR}, {field}", what)

    def read(self) -> Descriptor:
        head = self._peek.read(self._address, 12, f"section {DESCRIPTOR}")
        magic, size, major, minor = struct.unpack("<IIHH", head)
        if magic != MAGIC:
            raise self._error("offset 0x0, magic", f"{magic:#x}, not {MAGIC:#x}")
        if major != ABI[0]:
            raise self._error(
                "offset 0x8, abi_major",
                f"the card is for ABI {major}.{minor}, this host has {ABI[0]}.{ABI[1]}; build it "
                "with this host's hotswap_card.h",
            )
        if minor > ABI[1]:
            raise self._error(
                "offset 0xa, abi_minor",
                f"the card is for ABI {major}.{minor}, this host has {ABI[0]}.{ABI[1]}; install a "
                "newer hotswap-host, or build it with this one's hotswap_card.h",
            )
        if size != SIZE:
            raise self._error("offset 0x4, size", f"{size}, not {SIZE} as in ABI {major}.{minor}")
        fields = _HEAD.unpack(self._peek.read(self._address, _HEAD.size, f"section {DESCRIPTOR}"))
        (name, version, state_version, width, policy, timers, _, *tables) = fields[4:]
        resources, resource_count, settings, setting_count, entries, entry_count = tables
        if (width or 1) not in {1, 2, 4}:
            raise self._error("offset 0x40, cycle_width", f"{width} bytes; it is 1, 2 or 4")
        if policy > 3:
            raise self._error("offset 0x41, policy", f"{policy}; there are 0 to 3")
        if timers > TIMERS_MAX:
            raise self._error("offset 0x42, timers", f"{timers}; there are at most {TIMERS_MAX}")
        found = Descriptor(
            self._text("offset 0xc, name", name, _NAME),
            self._text("offset 0x2c, version", version, _NAME),
            (major, minor),
            state_version,
            width or 1,
            policy,
            timers,
            tuple(self._resources(resources, resource_count)),
            tuple(self._settings(settings, setting_count)),
            tuple(self._fields(entries, entry_count)),
            self._functions(),
        )
        self._check_functions(found)
        return found

    def _text(self, field: str, found: bytes, wanted: re.Pattern[str]) -> str:
        text, end, _ = found.partition(b"\0")
        if not end:
            raise self._error(field, f"no end within its {len(found)} bytes")
        shown = self._peek.text(text, f"section {DESCRIPTOR}, {field}")
        if not wanted.fullmatch(shown):
            what = repr(shown) if shown else "empty"
            raise self._error(field, f"{what}; letters, digits and . _ + - may stand there")
        return shown

    def _table(self, field: str, at: int, count: int, most: int, size: int) -> Iterator[bytes]:
        if count > most:
            raise self._error(f"{field}_count", f"{count}; there may be {most}")
        if count and not at:
            raise self._error(field, f"is 0, and {field}_count is {count}")
        for number in range(count):
            where = f"section {DESCRIPTOR}, {field}[{number}]"
            yield self._peek.read(at + number * size, size, where)

    # -- resources ----------------------------------------------------------------------------

    def _resources(self, at: int, count: int) -> Iterator[ElfResources]:
        table = self._table("resource", at, count, RESOURCES_MAX, _RESOURCES.size)
        for number, entry in enumerate(table):
            *numbers, irq_count, drq_count, irqs, drqs, _ = _RESOURCES.unpack(entry)
            where = f"resources[{number}]"
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            yield ElfResources(
                self._spans(f"{where}.ports", pairs[:8], PORTS),
                self._spans(f"{where}.windows", pairs[8:], 1 << 32),
                self._lines(f"{where}.irqs", irq_count, irqs, IRQS),
                self._lines(f"{where}.drqs", drq_count, drqs, DRQS),
            )

    def _spans(
        self, where: str, pairs: list[tuple[int, int]], limit: int
    ) -> tuple[tuple[int, int], ...]:
        used: list[tuple[int, int]] = []
        for number, (first, count) in enumerate(pairs):
            if not count:
                continue
            if limit > PORTS and (first % PAGE or count % PAGE):
                raise self._error(
                    f"{where}[{number}]",
                    f"{count:#x} bytes at {first:#x} are no whole pages of {PAGE:#x}",
                )
            if first + count > limit:
                raise self._error(
                    f"{where}[{number}]", f"{count:#x} from {first:#x} end above {limit - 1:#x}"
                )
            for other, size in used:
                if first < other + size and other < first + count:
                    raise self._error(
                        f"{where}[{number}]",
                        f"{count:#x} from {first:#x} overlap {size:#x} from {other:#x}",
                    )
            used.append((first, count))
        return tuple(used)

    def _lines(self, where: str, count: int, lines: bytes, limit: int) -> tuple[int, ...]:
        if count > len(lines):
            raise self._error(where, f"{count} lines; there may be {len(lines)}")
        used = tuple(lines[:count])
        for number, line in enumerate(used):
            if line >= limit:
                raise self._error(f"{where}[{number}]", f"{line}; there are 0 to {limit - 1}")
            if line in used[:number]:
                raise self._error(f"{where}[{number}]", f"{line} for the second time")
        return used

    # -- settings and fields ------------------------------------------------------------------

    def _settings(self, at: int, count: int) -> Iterator[ElfSetting]:
        names: set[str] = set()
        for number, entry in enumerate(
            self._table("setting", at, count, SETTINGS_MAX, _ENTRY.size)
        ):
            name, text, place, kind, least, most = _ENTRY.unpack(entry)
            where = f"settings[{number}]"
            title = self._name(where, name, names)
            where = f"{where} ({title})"
            if kind not in set(SettingKind):
                raise self._error(where, f"its kind is {kind}; there are 0 to {max(SettingKind)}")
            if kind == SettingKind.NUMBER and least > most:
                raise self._error(where, f"its least {least} is above its most {most}")
            if kind == SettingKind.TEXT and not 1 < most <= TEXT_MAX:
                raise self._error(where, f"a text of {most} bytes; 2 to {TEXT_MAX} may be")
            shown = ""
            if text:
                shown = self._peek.string(text, 1024, f"section {DESCRIPTOR}, {where}, help")
            found = ElfSetting(title, shown, place, SettingKind(kind), least, most)
            self._take(where, place, found.size)
            yield found

    def _fields(self, at: int, count: int) -> Iterator[ElfField]:
        names: set[str] = set()
        for number, entry in enumerate(self._table("field", at, count, FIELDS_MAX, _ENTRY.size)):
            name, place, kind, size, item, length = _ENTRY.unpack(entry)
            where = f"fields[{number}]"
            title = self._name(where, name, names)
            where = f"{where} ({title})"
            if kind not in set(FieldKind):
                raise self._error(where, f"its kind is {kind}; there are 0 to {max(FieldKind)}")
            self._check_field(where, FieldKind(kind), size, item, length)
            self._take(where, place, size)
            if length:
                self._take(f"{where}, length", length, 4)
            yield ElfField(title, place, FieldKind(kind), size, item, length)

    def _check_field(self, where: str, kind: FieldKind, size: int, item: int, length: int) -> None:
        if kind in {FieldKind.BYTES, FieldKind.LIST}:
            if not 0 < size <= FIELD_MAX:
                raise self._error(where, f"its size is {size}; it may be 1 to {FIELD_MAX}")
            if kind == FieldKind.LIST and (item not in {1, 2, 4, 8} or size % item):
                raise self._error(where, f"{size} bytes of items of {item}; they are 1, 2, 4 or 8")
            return
        if size not in {1, 2, 4, 8}:
            raise self._error(where, f"its size is {size}; a number has 1, 2, 4 or 8 bytes")
        if kind == FieldKind.OPTIONAL and not length:
            raise self._error(where, "an optional number needs a length, which says if it is there")
        if kind != FieldKind.OPTIONAL and length:
            raise self._error(where, "a number has no length; set it to 0")

    def _name(self, where: str, at: int, names: set[str]) -> str:
        title = self._peek.string(at, 63, f"section {DESCRIPTOR}, {where}, name")
        if not _WORD.fullmatch(title):
            what = repr(title) if title else "empty"
            raise self._error(f"{where}, name", f"{what}; it is letters, digits, _ and -")
        if title in names:
            raise self._error(f"{where}, name", f"{title!r} for the second time")
        names.add(title)
        return title

    def _take(self, where: str, at: int, size: int) -> None:
        self._peek.check_writable(at, size, f"section {DESCRIPTOR}, {where}, at")
        for start, end, other in self._taken:
            if at < end and start < at + size:
                raise self._error(where, f"overlaps {other} in memory at {max(at, start):#x}")
        self._taken.append((at, at + size, where))

    # -- functions ----------------------------------------------------------------------------

    def _functions(self) -> Functions:
        start = self._address + _HEAD.size
        return Functions(
            **{
                name: self._peek.function(
                    start + 4 * number,
                    f"section {DESCRIPTOR}, offset {_HEAD.size + 4 * number:#x}, {name}",
                )
                for number, name in enumerate(FUNCTIONS)
            }
        )

    def _check_functions(self, found: Descriptor) -> None:
        has = found.functions
        if found.timers and not has.timer:
            raise self._error("timers", f"{found.timers}, and there is no function timer")
        for number, resources in enumerate(found.resources):
            where = f"resources[{number}]"
            if resources.ports and not (has.read or has.write):
                raise self._error(f"{where}.ports", "there is neither read nor write for them")
            if resources.drqs and not (has.dma_read or has.dma_write):
                raise self._error(f"{where}.drqs", "there is neither dma_read nor dma_write")
