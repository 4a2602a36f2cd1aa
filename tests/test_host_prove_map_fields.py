"""A field of a map that is changed alone is noticed, or there is a reason why it need not be."""

from collections.abc import Sequence

import pytest

from hotswap.host.prove.map_fields import NO_MATTER, NOT_KEPT, FieldAt, fields, noticed
from hotswap.host.prove.map_kernels import try_fields
from hotswap.host.prove.sample_map import sample_map
from hotswap.switchover.layout import layout_of
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.savemap import write
from hotswap.switchover.schema import KINDS

DATA = write(sample_map())
PLAN = plan_memory(64 * MIB)
FIELDS = list(fields(DATA))


def test_every_field_of_every_record_is_among_them() -> None:
    names = {field.name for field in FIELDS}
    for kind in KINDS.values():
        for field in layout_of(kind.record).fields:
            name = f"{kind.section.name}.{field.name}"
            assert name in names or any(each.startswith(f"{name}.") for each in names), name
    assert len(names) == len(FIELDS) > 250


@pytest.mark.parametrize("field", [field for field in FIELDS if not field.reason],
                         ids=lambda field: field.name)  # fmt: skip
def test_a_field_changed_alone_is_noticed(field: FieldAt) -> None:
    assert noticed(DATA, field.changed(DATA), PLAN)


def test_what_is_of_no_matter_goes_unnoticed_and_exists() -> None:
    names = {field.name for field in FIELDS}
    assert set(NO_MATTER) | set(NOT_KEPT) <= names
    free = {name for name in NO_MATTER if name not in ("SectionEntry.rec_min", "DEV.policy")}
    for field in FIELDS:
        if field.name in free:
            assert not noticed(DATA, field.changed(DATA), PLAN), field.name


SAMPLE = ("TIME.last_pid", "PROC.regs.eip", "PROC.fpu", "TASK.umask", "VMA.prot", "FILE.offset",
          "PIPE.data", "SIGACT.mask", "TTY.rows", "TTY.flags", "TTY.screen")  # fmt: skip


async def outcome(names: Sequence[str]) -> dict[str, str]:
    """What was noticed of each of these fields."""
    tried: dict[str, str] = {}

    def tell(field: FieldAt, why: str) -> None:
        tried[field.name] = why

    await try_fields(lambda found: [field for field in found if field.name in names], tell)
    return tried


async def test_the_new_kernel_or_its_echo_notices() -> None:
    tried = await outcome(SAMPLE)
    assert set(tried) == set(SAMPLE)
    assert all(tried.values()), tried
    assert "regs.eip" in tried["PROC.regs.eip"]


async def test_a_field_the_kernels_do_not_keep_is_told() -> None:
    assert await outcome(["TIME.load1"]) == {"TIME.load1": ""}
