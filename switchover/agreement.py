"""PLAN: what the old kernel hands on, what the new one can take over, and the cards between them.

What does not fit is refused here, beside the running guest, and not in the blackout.
"""

from __future__ import annotations

from collections.abc import Iterable

from hotswap.bus import Policy, Slot

from . import blame
from .capabilities import Capabilities, Tables
from .errors import ImageError, Refused
from .image import KernelImage
from .layout import printable, show_choice
from .plan import CardFacts, KernelFacts, Plan
from .protocol import Note
from .schema import MAJOR, MINOR, Feature, SectionFlag, SectionType

WHERE = "LKUS note"


def agree(
    old: Capabilities,
    image: KernelImage,
    note: Note,
    slots: Iterable[Slot],
    order: Iterable[Iterable[Slot]] = (),
) -> Plan:
    """What both kernels and the cards have in common. Raises Refused with what does not fit."""
    caps, name = old.caps, image.name
    if caps.ssm_major != MAJOR:
        raise Refused(
            f"the old kernel writes maps of version {caps.ssm_major}.x, this host reads {MAJOR}.x",
            "start the machine again with the new kernel",
            blame.OLD,
        )
    minor = min(caps.ssm_minor, note.ssm_minor, MINOR)
    if unknown := caps.features & ~note.features:
        what = f"does not know feature {show_choice(Feature, unknown)} of the old kernel's maps"
        raise ImageError(what, f"{name}, {WHERE}", "add it to the new kernel")
    if image.tables.sections:
        _check_sections(old.tables, image, minor)
    cards = [_check_card(slot, old.tables, image) for slot in slots]
    return Plan(
        old=_facts(caps.version, (caps.ssm_major, caps.ssm_minor), caps.features, old.tables),
        new=_facts(note.version, (note.ssm_major, note.ssm_minor), note.features, image.tables),
        load=(image.load_lo, image.load_hi),
        target_minor=minor,
        processes=caps.processes,
        frames=caps.frames,
        map_bytes=caps.map_len,
        cards=cards,
        quiesce=[[slot.title for slot in wave] for wave in order],
    )


def _check_sections(old: Tables, image: KernelImage, minor: int) -> None:
    """Every required section a map of this minor version will have is one the image reads."""
    for section in old.sections:
        if section.since > minor or not section.flags & SectionFlag.REQUIRED:
            continue
        known = image.tables.section(section.type)
        kind = show_choice(SectionType, section.type).upper()
        where = f"{image.name}, {WHERE}"
        if known is None:
            what = f"does not read section {kind}, without which programs would break"
            raise ImageError(what, where, "teach the new kernel to read it")
        if known.ver != section.ver:
            what = f"reads version {known.ver} of section {kind}, the old kernel writes"
            raise ImageError(f"{what} {section.ver}", where, "use kernels that agree on it")


def _check_card(slot: Slot, old: Tables, image: KernelImage) -> CardFacts:
    """A card the old kernel drives has a driver in the new one, for the state it will find."""
    card, version = slot.title, slot.card.state_type.VERSION
    driven, driver = old.driver(card), image.tables.driver(card)
    if driven is not None and image.tables.drivers:
        where = f"{image.name}, {WHERE}"
        if driver is None:
            what = f"has no driver for card {card}, which the old kernel drives"
            raise ImageError(what, where, f"add a driver, or remove the card in slot {slot.number}")
        carried = slot.policy is Policy.CARRY
        if carried and not driver.least <= version <= driver.most:
            span = f"state versions {driver.least} to {driver.most} of card {card}"
            raise ImageError(
                f"takes over {span}, the one in slot {slot.number} has {version}",
                where,
                "use a driver for that version",
                blame.card(card),
            )
    return CardFacts(
        slot.number, card, slot.policy.value, version, driven is not None, driver is not None
    )


def _facts(version: bytes, number: tuple[int, int], features: int, tables: Tables) -> KernelFacts:
    return KernelFacts(
        version=printable(version),
        map_version="{}.{}".format(*number),
        features=show_choice(Feature, features),
        sections={show_choice(SectionType, each.type): each.ver for each in tables.sections},
        drivers={printable(each.name): (each.least, each.most) for each in tables.drivers},
    )
