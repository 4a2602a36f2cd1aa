"""The canonical form of a map: what must be the same when the new kernel writes it back.

The echo check compares the old kernel's map with the one the new kernel makes of its own
structures. Left out is what may differ: places of the map and in BLOB, build ids, the cards'
states, the recorder, page directories. Time goes on between the two, so clocks are compared by
what does not move (a timer by when it expires), to one tick of each kernel.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import Any, TypeAlias

import msgspec

from .container import padded
from .layout import Field, Record, blob_fields, key_text, layout_of, show_bytes
from .records import Frame, Pipe, Proc, Restart, Time, Timer, TimerKind
from .savemap import SaveStateMap
from .schema import KINDS, PAGE, SectionKind, SectionType

Values: TypeAlias = tuple[Any, ...]
CanonicalMap: TypeAlias = dict[SectionType, dict[Values, Values]]
"""By section, and by the key of the record, the values of the fields `compared` names."""

_SECTIONS = tuple(
    kind
    for kind in KINDS.values()
    if kind.section not in (SectionType.DEV, SectionType.BLOB, SectionType.LOG)
)
_LEFT_OUT: dict[type[Record], set[str]] = {
    Time: {"mono_ns", "real_ns", "cmos_time_bcd", "cmos_date_bcd", "tick_hz", "idle_ns"},
    Proc: {"regs.cr3", "utime_ns", "stime_ns"},
    Frame: {"crc"},
    Pipe: {"len"},
    Restart: {"left_ns"},
    Timer: {"left_ns"},
}
_PROCESS_TIME = (TimerKind.ITIMER_VIRTUAL, TimerKind.ITIMER_PROF)  # stand still meanwhile


def compared(record: type[Record]) -> dict[str, Field]:
    """The fields of a record that are compared; those of a nested record as `regs.eax`."""
    fields: dict[str, Field] = {}
    for field in layout_of(record).fields:
        if field.nested:
            inner = layout_of(field.nested).fields
            fields |= {f"{field.name}.{each.name}": each for each in inner}
        elif not field.name.startswith("rsvd"):
            fields[field.name] = field
    left_out = _LEFT_OUT.get(record, set()).union(
        *({f"{name}_off", f"{name}_len"} for name in blob_fields(record))
    )
    return {name: fields[name] for name in fields if name not in left_out}


def _bytes_of(record: type[Record]) -> tuple[str, ...]:
    """Bytes that are compared instead of where they are and how many."""
    return ("data",) if record is Pipe else blob_fields(record)


def canonical(found: SaveStateMap) -> CanonicalMap:
    """The canonical form. Raises MapError when a path is not in BLOB."""
    return {kind.section: _section(found, kind) for kind in _SECTIONS}


def difference(before: SaveStateMap, after: SaveStateMap) -> list[str]:
    """What has changed from `before` to `after`, a line each: section, record, field, both values.

    [] when the two say the same. Raises MapError when a path is not in BLOB.
    """
    changed: list[str] = []
    same_blob = _written_blob(before) == _written_blob(after)
    for kind in _SECTIONS:
        as_written = [each.records(kind.section) for each in (before, after)]
        if as_written[0] == as_written[1] and (same_blob or not blob_fields(kind.record)):
            continue  # most often so, and quicker than the canonical form
        left, right = _section(before, kind), _section(after, kind)
        if left != right:
            changed.extend(_section_difference(kind, left, right))
    return changed + list(_clock_difference(before, after))


def _written_blob(found: SaveStateMap) -> bytes:
    """BLOB as the kernel wrote it, padded: the states of the cards follow."""
    written = found.blob[: found.dev[0].blob_off] if found.dev else found.blob
    return written.ljust(padded(len(written)), b"\0")


def _section(found: SaveStateMap, kind: SectionKind) -> dict[Values, Values]:
    values = _getter(compared(kind.record))
    records: Sequence[Any] = found.records(kind.section)
    if kind.section is SectionType.TIME:
        return {(): values(found.time)}
    if kind.section is SectionType.PROC:
        records = [
            proc if proc.used_fpu else msgspec.structs.replace(proc, fpu=b"") for proc in found.proc
        ]
    elif kind.section is SectionType.FRAME:
        records = _joined(found.frame)
    elif kind.section is SectionType.SIGACT:
        records = [action for action in found.sigact if action.handler]  # 0 is the default
    if names := blob_fields(kind.record):
        return _keyed(
            (_key(kind, record), (*values(record), *_named(found, record, names)))
            for record in records
        )
    if kind.section is SectionType.PIPE:
        return _keyed((_key(kind, pipe), (*values(pipe), pipe.data)) for pipe in found.pipe)
    return _keyed((_key(kind, record), values(record)) for record in records)


def _getter(names: Iterable[str]) -> Callable[[Any], Values]:
    """As attrgetter, but a tuple for a single name too."""
    several = tuple(names)
    if len(several) > 1:
        return attrgetter(*several)
    return lambda record: tuple(getattr(record, name) for name in several)


def _named(found: SaveStateMap, record: Any, names: Sequence[str]) -> Iterator[bytes]:
    """The bytes of BLOB a record names."""
    for name in names:
        yield found.text(getattr(record, f"{name}_off"), getattr(record, f"{name}_len"))


def _keyed(pairs: Iterable[tuple[Values, Values]]) -> dict[Values, Values]:
    """By key; a further record of a key is not lost, its key goes on with "again"."""
    section: dict[Values, Values] = {}
    again: Counter[Values] = Counter()
    for key, values in pairs:
        free = key
        if key in section:  # an echo may have any number of them
            again[key] += 1
            times = f" {again[key]}" if again[key] > 1 else ""
            free = (*key, f"again{times}")
        section[free] = values
    return section


def _key(kind: SectionKind, record: Record) -> Values:
    return tuple([getattr(record, name) for name in kind.key])


def _joined(frames: Sequence[Frame]) -> list[Frame]:
    """The runs as long as they can be: where a kernel cuts them says nothing."""
    joined: list[Frame] = []
    for frame in sorted(frames, key=attrgetter("pid", "vaddr")):
        last = joined[-1] if joined else None
        if (
            last
            and (last.pid, last.kind) == (frame.pid, frame.kind)
            and last.vaddr + last.n_pages * PAGE == frame.vaddr
            and last.paddr + last.n_pages * PAGE == frame.paddr
        ):
            pages = last.n_pages + frame.n_pages
            joined[-1] = msgspec.structs.replace(last, n_pages=pages)
        else:
            joined.append(frame)
    return joined


def _section_difference(
    kind: SectionKind, left: dict[Values, Values], right: dict[Values, Values]
) -> Iterator[str]:
    fields = compared(kind.record)
    names = [*fields, *_bytes_of(kind.record)]
    shown = {field.name: field for field in layout_of(kind.record).fields}
    for key in sorted(left.keys() | right.keys()):
        parts = [f"{name} {shown[name].show(key[at])}" for at, name in enumerate(kind.key)]
        named = " ".join([*parts, *key[len(parts) :]])
        where = f"{kind.section.name} {named}".rstrip()
        if key not in right:
            yield f"{where}: is missing"
        elif key not in left:
            yield f"{where}: was not there before"
        else:
            for name, old, new in zip(names, left[key], right[key], strict=False):
                if old != new:
                    yield f"{where}: {name} {_change(fields.get(name), old, new)}"


def _change(field: Field | None, old: Any, new: Any) -> str:
    show = field.show if field else show_bytes
    change = f"{show(old)} -> {show(new)}"
    if isinstance(old, bytes):
        pairs = zip(old, new, strict=False)
        at = next((at for at, (was, now) in enumerate(pairs) if was != now), None)
        change += f", from byte {min(len(old), len(new)) if at is None else at} on"
    return change


def _clock_difference(before: SaveStateMap, after: SaveStateMap) -> Iterator[str]:
    slack = sum(10**9 // max(each.time.tick_hz, 1) for each in (before, after))
    start = [each.time.real_ns - each.time.mono_ns for each in (before, after)]
    if abs(start[0] - start[1]) > slack:
        yield f"TIME: the wall clock moved by {start[1] - start[0]} ns"
    if abs(after.time.idle_ns - before.time.idle_ns) > slack:
        yield f"TIME: idle_ns {before.time.idle_ns} -> {after.time.idle_ns}"
    procs = {proc.pid: proc for proc in after.proc}
    for proc in before.proc if after.proc is not before.proc else ():
        now = procs.get(proc.pid, proc)
        for name in ("utime_ns", "stime_ns"):
            if abs(getattr(now, name) - getattr(proc, name)) > slack:
                yield f"PROC pid {proc.pid}: {name} {getattr(proc, name)} -> {getattr(now, name)}"
    passed = after.time.mono_ns - before.time.mono_ns
    for section in (SectionType.TIMER, SectionType.RESTART):
        key = KINDS[section].key
        limits: dict[Values, Any] = {
            _key(KINDS[section], each): each for each in after.records(section)
        }
        records: Sequence[Any] = before.records(section)
        for record in records:
            same = limits.get(_key(KINDS[section], record))
            if same is None:
                continue
            late = same.left_ns - record.left_ns
            if getattr(record, "kind", 0) not in _PROCESS_TIME:
                late += passed
            if late < -slack or (late > slack and same.left_ns):  # one that is due has none left
                where = key_text(record, key)
                yield f"{section.name} {where}: expires {late} ns later than before"
