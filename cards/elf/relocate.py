"""Relocations: the words of a card that depend on where things are.

i386: "Intel386 Architecture Processor Supplement", 4.4, with the later PLT32 and GOT32X. S is the
symbol's address, A what stands there, P the place, GOT the global offset table, G the offset of the
symbol's entry in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum

import msgspec

from .errors import ElfError
from .objects import RELOCATION_NAMES, ObjectFile, Relocation
from .place import JUMP_SIZE, Placement
from .symbols import HostCall, Resolver

WORD = 0xFFFF_FFFF
JMP_REL32 = 0xE9


class R(IntEnum):
    """What a card may have."""

    NONE = 0
    R_386_32 = 1  # S + A
    R_386_PC32 = 2  # S + A - P
    R_386_GOT32 = 3  # G + A; S's entry itself where no register holds GOT
    R_386_PLT32 = 4  # as PC32: there is no procedure linkage table
    R_386_GOTOFF = 9  # S + A - GOT
    R_386_GOTPC = 10  # GOT + A - P
    R_386_16 = 20
    R_386_PC16 = 21
    R_386_8 = 22
    R_386_PC8 = 23
    R_386_GOT32X = 43  # as GOT32


SIZES = {R.R_386_16: 2, R.R_386_PC16: 2, R.R_386_8: 1, R.R_386_PC8: 1}
"""Bytes of the place; 4 with the others."""
GOT_ENTRIES = {R.R_386_GOT32, R.R_386_GOT32X}
RELATIVE = {R.R_386_PC32, R.R_386_PLT32, R.R_386_PC16, R.R_386_PC8}


class CallSite(msgspec.Struct, frozen=True):
    """Four bytes of an instruction at `address` that lead to host call `name`."""

    address: int
    name: str
    addend: int

    def word(self, call: int) -> bytes:
        """What to store when the call is at `call`."""
        return (call + self.addend - self.address & WORD).to_bytes(4, "little")


def got_symbols(objects: Sequence[ObjectFile]) -> dict[tuple[int, int], int]:
    """Numbers of entries in the global offset table, by object and symbol."""
    entries: dict[tuple[int, int], int] = {}
    for number, one in enumerate(objects):
        for relocation in one.relocations:
            section = one.sections[relocation.section]
            if relocation.type in GOT_ENTRIES and section.allocated:
                entries.setdefault((number, relocation.symbol), len(entries))
    return entries


def taken_calls(objects: Sequence[ObjectFile], calls: Mapping[str, int]) -> list[str]:
    """Calls into the host whose address is taken: each gets a jump in the card's own text."""
    taken: dict[str, None] = {}
    for one in objects:
        for relocation in one.relocations:
            symbol = one.symbols[relocation.symbol]
            whole = relocation.type == R.R_386_32 or relocation.type in GOT_ENTRIES
            into_host = not symbol.section and symbol.name in calls
            if whole and into_host and one.sections[relocation.section].allocated:
                taken[symbol.name] = None
    return list(taken)


class Relocator:
    """Changes the buffers of a placement. What it cannot do yet is in `calls`."""

    def __init__(
        self,
        objects: Sequence[ObjectFile],
        placement: Placement,
        resolver: Resolver,
        entries: Mapping[tuple[int, int], int],
    ) -> None:
        self.calls: list[CallSite] = []
        self.pointers: list[int] = []
        """Addresses of words that hold an address of the card's from the start."""
        self._objects, self._placement, self._resolver = objects, placement, resolver
        self._entries = entries

    def run(self) -> None:
        """Apply every relocation of memory. Raises `ElfError`."""
        for name, jump in self._placement.jumps.items():
            buffer, at = self._placement.buffer(jump, JUMP_SIZE)
            buffer[at] = JMP_REL32
            self.calls.append(CallSite(jump + 1, name, -4))
        for (number, symbol), entry in self._entries.items():
            target = self._resolver.find(number, self._objects[number].symbols[symbol])
            self._store(self._placement.got + 4 * entry, 0, target)
        for number, one in enumerate(self._objects):
            for relocation in one.relocations:
                if one.sections[relocation.section].allocated:
                    self._apply(number, one, relocation)
        if self._resolver.undefined:
            names = sorted(self._resolver.undefined)
            more = f" and {len(names) - 8} more" if len(names) > 8 else ""
            raise ElfError(
                f"{self._placement.name}: nobody defines {', '.join(names[:8])}{more}; a card may "
                "call itself and what hotswap_card.h declares"
            )

    def _store(self, place: int, addend: int, target: int | HostCall) -> None:
        if isinstance(target, HostCall):
            target = self._placement.jumps[target.name]
        buffer, at = self._placement.buffer(place, 4)
        buffer[at : at + 4] = (target + addend & WORD).to_bytes(4, "little")
        if target:
            self.pointers.append(place)

    def _apply(self, number: int, one: ObjectFile, relocation: Relocation) -> None:
        section, symbol = one.sections[relocation.section], one.symbols[relocation.symbol]
        where = (
            f"{self._placement.name}: section {section.name}, offset {relocation.offset:#x}, "
            f"symbol {one.describe(symbol)}"
        )
        kind = RELOCATION_NAMES.get(relocation.type, f"type {relocation.type}")
        try:
            r = R(relocation.type)
        except ValueError:
            raise ElfError(f"{where}: relocation {kind} is none a card may have") from None
        size = SIZES.get(r, 4)
        if relocation.offset + size > len(section.content):
            raise ElfError(
                f"{where}: relocation {kind} is outside the section's {len(section.content):#x} "
                "bytes"
            )
        if r is R.NONE:
            return
        place = self._placement.placed[number, section.index].address + relocation.offset
        buffer, at = self._placement.buffer(place, size)
        addend = int.from_bytes(buffer[at : at + size], "little", signed=True)
        target = self._resolver.find(number, symbol)
        if r is R.R_386_32:
            self._store(place, addend, target)
            return
        if isinstance(target, HostCall) and r not in GOT_ENTRIES | {R.R_386_GOTPC}:
            if r not in {R.R_386_PC32, R.R_386_PLT32}:
                raise ElfError(f"{where}: relocation {kind} cannot lead to a call into the host")
            self.calls.append(CallSite(place, target.name, addend))
            return
        value = addend + self._value(r, number, relocation, target, buffer, at)
        if r in RELATIVE:
            value -= place
        if r is R.R_386_GOTPC:
            value -= place
        if size < 4 and not -1 << 8 * size - 1 <= value < 1 << 8 * size:
            raise ElfError(f"{where}: relocation {kind}: {value:#x} does not fit {size} bytes")
        buffer[at : at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")

    def _value(
        self,
        r: R,
        number: int,
        relocation: Relocation,
        target: int | HostCall,
        buffer: bytearray,
        at: int,
    ) -> int:
        got = self._placement.got
        if r in GOT_ENTRIES:
            entry = 4 * self._entries[number, relocation.symbol]
            # mod 0, r/m 5 is an address of 32 bits without a register: then nobody adds GOT
            absolute = at > 0 and buffer[at - 1] & 0xC7 == 0x05
            return got + entry if absolute else entry
        if r is R.R_386_GOTPC:
            return got
        assert isinstance(target, int)
        return target - got if r is R.R_386_GOTOFF else target
