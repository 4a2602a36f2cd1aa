"""Every field of a Save State Map, changed alone: who notices?

A field is one of a record's, of the header's or of a section's entry. One bit near its top is
changed in one record, and the checksums are made right again; a map like that a kernel would write
that has gone wrong in a single place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hotswap.switchover.canonical import difference
from hotswap.switchover.container import HEADER, open_container
from hotswap.switchover.errors import MapError
from hotswap.switchover.host_truth import hold_clock
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.memory import MemoryPlan
from hotswap.switchover.savemap import read, read_records
from hotswap.switchover.schema import KINDS, Header, SectionEntry, SectionKind, SectionType
from hotswap.switchover.validate import faults

from .map_mutants import repair

NO_MATTER = {
    "Header.minor": "says what the writer knew, and is never a reason to refuse",
    "Header.flags": "set aside",
    "Header.txn": "for people",
    "Header.feat_optional": "features a reader may ignore",
    "Header.generation": "counts maps, for people",
    "Header.src_build": "for people",
    "Header.dst_build": "for people",
    "Header.sect_crc": "a checksum, made right again",
    "Header.hdr_crc": "a checksum, made right again",
    "SectionEntry.flags": "for readers that do not know the section",
    "SectionEntry.rec_min": "lower, it asks for less; higher, it is refused",
    "SectionEntry.crc": "a checksum, made right again",
    "TIME.tick_hz": "the writer's, which the reader does not take over",
    "PROC.regs.cr3": "the writer's; the reader has page directories of its own",
    "FRAME.crc": "held against the frames when asked for, see host_truth",
    "DEV.dev_id": "the host writes DEV and holds it against its cards, see host_truth",
    "DEV.driver": "as dev_id",
    "DEV.policy": "as dev_id",
    "DEV.bus": "the host writes DEV, and no kernel reads it: cards keep their states",
    "DEV.state_ver": "as bus",
    "LOG.phase": "what was recorded, for people",
    "LOG.source": "what was recorded, for people",
    "LOG.code": "what was recorded, for people",
    "LOG.value": "what was recorded, for people",
}
"""Fields nobody need notice, and why; and every one named rsvd..., which is set aside."""
LOW_BIT = {
    "PROC.regs.eflags", "VMA.prot", "FD.flags", "PIPE.flags", "RESTART.flags",
    "TASK.altstack_flags",
}  # fmt: skip
"""Fields of bits, of which the lowest is changed; of other fields it is one near the top."""
NOT_KEPT = {
    "PROC.regs.cs": "a kernel gives programs its own selectors",
    "PROC.regs.ss": "a kernel gives programs its own selectors",
    "PROC.regs.ds": "a selector no program could load is taken for the kernel's own",
    "PROC.regs.es": "as ds",
    "PROC.regs.fs": "as ds",
    "PROC.regs.gs": "as ds",
    "TIME.load1": "the reference kernels have no load averages",
    "TIME.load5": "as load1",
    "TIME.load15": "as load1",
}
"""Fields the reference kernels put right or do not have, and why."""


class FieldAt(NamedTuple):
    """A field of one record of a map: `name` as SECTION.field, its place in the map, its bytes."""

    name: str
    at: int
    size: int

    @property
    def reason(self) -> str:
        """Why nobody need notice; "" when somebody must."""
        last = self.name.rpartition(".")[2]
        return "set aside" if last.startswith("rsvd") else NO_MATTER.get(self.name, "")

    def changed(self, data: bytes) -> bytes:
        """The map with this field alone changed: a bit of it by which it matters."""
        whole = bytearray(data)
        if self.name in LOW_BIT:
            whole[self.at] ^= 1
        else:
            whole[self.at if self.size > 8 else self.at + self.size - 1] ^= 0x40
        repair(whole)
        return bytes(whole)


def fields(data: bytes) -> Iterator[FieldAt]:
    """Every field of header, first section entry, and one record of every known section."""
    yield from _of(Header, "Header", 0)
    header = HEADER.unpack(data[: HEADER.size])
    yield from _of(SectionEntry, "SectionEntry", header.sect_off)
    for entry in open_container(data).entries:
        kind = KINDS.get(entry.type)
        if kind is None or not entry.count:
            continue
        number = _record(data, kind, entry) if kind.section is SectionType.PROC else 0
        yield from _of(kind.record, kind.section.name, entry.off + number * entry.rec_size)
        if kind.has_data and entry.len > entry.rec_size:
            yield FieldAt(f"{kind.section.name}.data", entry.off + entry.rec_size, 1)


def _record(data: bytes, kind: SectionKind, entry: SectionEntry) -> int:
    """Of PROC a process that has used the x87, the first when there is none."""
    content = memoryview(data)[entry.off : entry.off + entry.len]
    procs = read_records(kind, entry, content)
    return next((number for number, proc in enumerate(procs) if proc.used_fpu), 0)


def _of(record: type[Record], name: str, base: int) -> Iterator[FieldAt]:
    for field in layout_of(record).fields:
        if field.nested:
            yield from _of(field.nested, f"{name}.{field.name}", base + field.offset)
        else:
            yield FieldAt(f"{name}.{field.name}", base + field.offset, field.size)


def noticed(data: bytes, altered: bytes, plan: MemoryPlan | None = None) -> str:
    """Who notices without a new kernel: validation, the host's truth, or the echo. "" when nobody.

    The echo here is that of a kernel that takes everything over.
    """
    if found := faults(altered, plan):
        return f"L{found[0].code.level}"
    before, after = read(data), read(altered)
    if after.time.mono_ns != before.time.mono_ns:
        try:
            hold_clock(after, before.time.mono_ns, before.time.mono_ns)
        except MapError:
            return "L3"
    return "echo" if difference(before, after) else ""
