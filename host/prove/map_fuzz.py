"""The C reader of maps and the Python reader against each other, and images against their loader.

    python -m hotswap.host.prove.map_fuzz JUDGE FIRST COUNT SEED

tries COUNT mutants, a line of JSON (Batch) for each some hundred. Mutants that took a reader where
none had been before become ancestors of others.
"""

from __future__ import annotations

import random
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from hotswap.host.images import shipped
from hotswap.switchover.errors import MapError, Refused
from hotswap.switchover.image import load_image, switchable
from hotswap.switchover.layout import layout_of
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.records import Dev
from hotswap.switchover.references import reference_faults
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.schema import KINDS, SectionType
from hotswap.switchover.show import show_text
from hotswap.switchover.validate import faults

from .image_mutants import image_mutant
from .map_judge import Judge, Judged, ReaderCrashed
from .map_mutants import mutant, repair, table_of
from .sample_map import sample_map

BATCH = 250
IMAGES = 10
"""Of a batch."""
CORPUS = 2000
"""Maps kept; when there are more, an old one goes for each new one."""
ENOUGH = 20
"""Mutants that show a defect; after so many, a share ends."""
PLAN = plan_memory(64 * MIB)
IMAGE = "refkernel-v2.elf"


class Wrong(msgspec.Struct):
    """A mutant, by its number, that shows a defect of a reader."""

    number: int
    case: str
    why: str
    mutant: str
    """In hexadecimal."""


class Batch(msgspec.Struct):
    """What came of some mutants: `codes` counts verdicts, `ways` is what new ways were gone."""

    cases: int
    wrong: list[Wrong]
    codes: dict[str, int]
    ways: int


def fuzz(judge: Path, first: int, count: int, seed: int) -> Iterator[Batch]:
    """Try mutants `first` to `first + count` of the run with this seed."""
    corpus = ancestors()
    signatures: set[tuple[str, ...]] = set()
    image, wrong = shipped(IMAGE), 0
    with Judge(judge) as reader:
        for start in range(first, first + count, BATCH):
            chance = random.Random((seed << 32) + start)
            size = min(BATCH, first + count - start)
            images = min(IMAGES, size // 2)
            batch = Batch(size, [], {}, 0)
            for number in range(start, start + images):
                _try_image(batch, number, image_mutant(image, chance))
            maps = [mutant(corpus, chance) for _ in range(size - images)]
            try:
                verdicts = reader.judge(maps)
            except ReaderCrashed as crash:
                number = start + images + crash.number
                batch.wrong.append(_wrong(number, "map", str(crash), maps[crash.number]))
                yield batch
                return  # there is no reader any more
            for number, (data, verdict) in enumerate(
                zip(maps, verdicts, strict=True), start + images
            ):
                signature = _try_map(batch, number, data, verdict)
                if verdict.is_new or signature not in signatures:
                    batch.ways += 1
                    signatures.add(signature)
                    if len(corpus) >= CORPUS:
                        corpus.pop(chance.randrange(len(corpus)))
                    corpus.append(data)
            yield batch
            wrong += len(batch.wrong)
            if wrong >= ENOUGH:
                return


def ancestors() -> list[bytes]:
    """Maps nothing is wrong with: the sample, as it is, with room for more, without some sections,
    with records shorter and longer than they are now."""
    found = [write(sample_map())]
    several = read(found[0])
    several.put_device(Dev(9, driver=b"post"), b"state")
    found.append(write(several))
    for section in (SectionType.TASK, SectionType.SYSTEM, SectionType.LOG):
        less = read(found[0])
        less.table = [entry for entry in less.table if entry.type != section]
        setattr(less, section.name.lower(), [])
        found.append(write(less))
    longer = read(found[0])
    for entry in longer.table:
        entry.rec_size += 8 if entry.type == SectionType.FD else 0
    found.append(write(longer))
    shorter = bytearray(found[0])  # TIME is the first section; as it was in 1.0
    least = KINDS[SectionType.TIME].least
    struct.pack_into("<IIH", shorter, table_of(shorter)[0] + 12, least, 1, least)
    repair(shorter)
    found.append(bytes(shorter))
    return found


def _try_map(batch: Batch, number: int, data: bytes, verdict: Judged) -> tuple[str, ...]:
    """Hold one reader against the other; the kinds of faults Python has found."""
    found: list[MapError] = []
    decoded = None
    try:
        try:
            decoded = read(data)
        except MapError as error:
            found, code = faults(data), int(error.code)
        else:
            found, code = reference_faults(decoded, PLAN), 0
        if -code != verdict.fault:
            why = f"C says {verdict.fault}, Python {-code} ({found[0] if found else 'fit'})"
            batch.wrong.append(_wrong(number, "map", why, data))
        elif decoded is not None and (digest := digest_of(decoded)) != verdict.digest:
            why = f"C has read {verdict.digest:#010x}, Python {digest:#010x}"
            batch.wrong.append(_wrong(number, "map", why, data))
        if number % 50 == 0:
            show_text(data, PLAN)
    except Exception as error:  # whatever it is: no bytes may raise anything
        why = f"the Python reader raises {type(error).__name__}: {error}"
        batch.wrong.append(_wrong(number, "map", why, data))
        return ("raises",)
    names = tuple(sorted({fault.code.name for fault in found}))
    name = found[0].code.name if found else "fit"
    batch.codes[name] = batch.codes.get(name, 0) + 1
    return names


def digest_of(found: SaveStateMap) -> int:
    """A checksum of every record, as examples/mapreader makes it."""
    digest = 0
    for number in sorted(KINDS):
        kind = KINDS[number]
        if kind.section is SectionType.BLOB:
            continue
        if kind.section is SectionType.TIME or found.records(kind.section):
            layout = layout_of(kind.record)
            for record in found.records(kind.section):
                digest = zlib.crc32(layout.pack(record), digest)
                if kind.has_data:
                    digest = zlib.crc32(getattr(record, "data"), digest)  # noqa: B009
    return zlib.crc32(found.blob, digest)


def _try_image(batch: Batch, number: int, data: bytes) -> None:
    try:
        switchable(load_image(data))
        name = "image fit"
    except Refused:
        name = "image refused"
    except Exception as error:  # only Refused is documented
        why = f"loading raises {type(error).__name__}: {error}"
        batch.wrong.append(_wrong(number, "image", why, data))
        name = "image raises"
    batch.codes[name] = batch.codes.get(name, 0) + 1


def _wrong(number: int, case: str, why: str, data: bytes) -> Wrong:
    return Wrong(number, case, why, data.hex())


def main() -> None:
    """As a program."""
    judge, *numbers = sys.argv[1:]
    for batch in fuzz(Path(judge), *map(int, numbers)):
        sys.stdout.write(msgspec.json.encode(batch).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
