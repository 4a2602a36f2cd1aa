"""PLAN compares what both kernels say of themselves with each other and with the cards."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from hotswap.bus import Backplane, Card, Policy, State
from hotswap.host.images import refkernel
from hotswap.switchover import blame
from hotswap.switchover.agreement import agree
from hotswap.switchover.capabilities import (
    Capabilities,
    Tables,
    read_capabilities,
    read_tables,
)
from hotswap.switchover.errors import Refused
from hotswap.switchover.image import KernelImage
from hotswap.switchover.layout import layout_of
from hotswap.switchover.plan import Plan
from hotswap.switchover.protocol import Caps, DriverCap, Note, SectionCap
from hotswap.switchover.schema import MINOR, SectionFlag, SectionType

NEW = refkernel(2)
assert NEW.note is not None
NOTE: Note = NEW.note
OLD = Capabilities(Caps(features=NOTE.features, processes=3, map_len=4096), NEW.tables)
PUZZLE = 77
"""A section nobody knows."""


class PlainState(State):
    VERSION = 3


class Plain(Card[PlainState]):
    name = "plain"
    switchover = Policy.CARRY
    state_type = PlainState


class Afresh(Plain):
    switchover = Policy.REINITIALISE


def old(*sections: SectionCap, drives: str = "", **caps: Any) -> Capabilities:
    """The old kernel, writing more sections and driving one more card."""
    drivers = (*OLD.tables.drivers, DriverCap(drives.encode())) if drives else OLD.tables.drivers
    return Capabilities(
        replace(OLD.caps, **caps), Tables((*OLD.tables.sections, *sections), drivers)
    )


def new(driver: DriverCap | None = None, without: int = 0, **note: Any) -> KernelImage:
    """The new kernel with one more driver, without one of its sections."""
    tables = NEW.tables
    sections = tuple(each for each in tables.sections if each.type != without)
    drivers = tables.drivers if driver is None else (*tables.drivers, driver)
    return replace(NEW, note=replace(NOTE, **note), tables=Tables(sections, drivers))


def planned(of: Capabilities, image: KernelImage) -> Plan:
    assert image.note is not None
    return agree(of, image, image.note, [])


def test_two_kernels_of_a_kind_agree() -> None:
    plan = planned(OLD, NEW)
    assert plan.target_minor == MINOR
    assert (plan.processes, plan.map_bytes) == (3, 4096)
    assert plan.load == (NEW.load_lo, NEW.load_hi)
    assert plan.new.version == "2.0.0-refkernel"
    assert plan.new.drivers["pic"] == (1, 1)
    assert plan.old.sections["proc"] == 1


@pytest.mark.parametrize(
    ("of", "image", "words", "fault_of"),
    [
        (old(ssm_major=2), NEW, "writes maps of version 2.x, this host reads 1.x", blame.OLD),
        (old(features=0x101), NEW, "does not know feature 0x100", blame.NEW),
        (
            old(SectionCap(PUZZLE, flags=SectionFlag.REQUIRED)),
            NEW,
            "does not read section 77, without which programs would break",
            blame.NEW,
        ),
        (OLD, new(without=SectionType.PIPE), "does not read section PIPE", blame.NEW),
        (
            old(SectionCap(PUZZLE, 2, flags=SectionFlag.REQUIRED)),
            replace(NEW, tables=Tables((*NEW.tables.sections, SectionCap(PUZZLE)), ())),
            "reads version 1 of section 77, the old kernel writes 2",
            blame.NEW,
        ),
    ],
    ids=["major", "feature", "unknown section", "section not read", "section version"],
)
def test_what_does_not_fit_is_refused(
    of: Capabilities, image: KernelImage, words: str, fault_of: str
) -> None:
    with pytest.raises(Refused, match=words) as caught:
        planned(of, image)
    assert caught.value.fault_of == fault_of
    assert caught.value.todo


@pytest.mark.parametrize(
    "of",
    [
        old(SectionCap(PUZZLE)),
        old(SectionCap(PUZZLE, since=MINOR + 1, flags=SectionFlag.REQUIRED), ssm_minor=MINOR + 1),
    ],
    ids=["optional", "of a later minor version"],
)
def test_a_section_the_new_kernel_may_skip_is_no_obstacle(of: Capabilities) -> None:
    assert planned(of, NEW).target_minor == MINOR


def test_the_map_is_written_in_the_minor_version_that_both_know() -> None:
    assert planned(OLD, new(ssm_minor=0)).target_minor == 0
    assert planned(old(ssm_minor=0), NEW).target_minor == 0


@pytest.mark.parametrize(
    ("make", "driver", "words"),
    [
        (Plain, None, "has no driver for card plain, which the old kernel drives"),
        (Plain, DriverCap(b"plain", 1, 2), "state versions 1 to 2 of card plain, .* has 3"),
        (Plain, DriverCap(b"plain", 1, 3), ""),
        (Afresh, None, "has no driver for card plain"),
        (Afresh, DriverCap(b"plain", 1, 2), ""),
    ],
    ids=["no driver", "an older driver", "a driver", "no driver to begin anew", "begins anew"],
)
async def test_a_card_the_old_kernel_drives_needs_a_driver_for_its_state(
    backplane: Backplane, make: Callable[[], Plain], driver: DriverCap | None, words: str
) -> None:
    slot = await backplane.insert(make())
    of, image = old(drives="plain"), new(driver)
    if words:
        with pytest.raises(Refused, match=words):
            agree(of, image, NOTE, [slot])
        return
    (facts,) = agree(of, image, NOTE, [slot]).cards
    assert (facts.card, facts.state_version) == ("plain", 3)
    assert (facts.old_drives, facts.new_drives) == (True, True)


async def test_a_card_nobody_drives_goes_along(backplane: Backplane) -> None:
    slot = await backplane.insert(Plain())
    (facts,) = agree(OLD, NEW, NOTE, [slot]).cards
    assert (facts.old_drives, facts.new_drives) == (False, False)
    assert facts.policy == "carry"


def packed(**caps: Any) -> bytes:
    """An answer to QUERY_CAPS with one section and one driver."""
    head = Caps(size=layout_of(Caps).size, sections=1, drivers=1)
    content = layout_of(Caps).pack(replace(head, **caps))
    content += layout_of(SectionCap).pack(SectionCap(SectionType.PROC))
    return content + layout_of(DriverCap).pack(DriverCap(b"uart", 2, 4))


def test_an_answer_is_read() -> None:
    found = read_capabilities(packed(processes=7))
    assert found.caps.processes == 7
    assert found.tables.section(SectionType.PROC) is not None
    assert found.tables.section(SectionType.VMA) is None
    driver = found.tables.driver("uart")
    assert driver is not None
    assert (driver.least, driver.most) == (2, 4)


@pytest.mark.parametrize(
    "content",
    [b"", packed()[:-1], packed(magic=1), packed(sections=9), packed(size=4)],
    ids=["nothing", "cut off", "no magic", "too many", "too small a size"],
)
def test_an_answer_that_makes_no_sense_is_none(content: bytes) -> None:
    with pytest.raises(ValueError, match=r"bytes|magic"):
        read_capabilities(content)


def test_a_note_of_the_first_version_has_no_tables() -> None:
    assert read_tables(bytes(60), Note()) == Tables()
