"""Which cards a machine file asks for: a PC's, those of its tables; and where they conflict."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from hotswap.bus import HotswapError, Resources
from hotswap.bus.leases import described
from hotswap.switchover.memory import MIB, MemoryPlan

from .board import BoardConfig, PlugIn, usual_cards
from .board_config import CardRestart
from .cables import Cable
from .card_kind import CardKind, kind_of
from .card_settings import settings_faults
from .daemon.restart import RestartPolicy
from .discovery import offers
from .elf_cards import Sandbox, is_elf_path
from .machine_fault import Fault, fault
from .machine_file import CardTable, MachineFile, NetworkTable, ParallelTable, SerialTable
from .network import is_form

COM_PORTS = ((0x3F8, 4), (0x2F8, 3), (0x3E8, 5), (0x2E8, 11))
"""Base and IRQ of COM1 to COM4; on the ISA bus two cannot share a line."""
LPT_PORTS = ((0x378, 7), (0x278, 5))
"""Base and IRQ of LPT1 and LPT2."""
NETWORK_CARDS = ((0x300, 9), (0x320, 10), (0x340, 11), (0x360, 5))
MAC = "52:54:00:12:34:{:02x}"
MAC_FIRST = 0x56
IDE_CHANNELS = ((0x1F0, 0x3F6, 14), (0x170, 0x376, 15))
"""Base, control port and IRQ of the primary and the secondary channel."""
PNP: dict[str, Any] = {"pnp": True}
"""Instead of jumpers: the guest chooses both."""
CHIPS = ("dma", "ferr", "kbc", "vga")
"""On every PC, with the usual cards."""
MANY = frozenset({"uart", "ide", "ne2000", "lpt"})
"""A `[[card]]` of these is a further one; others that are there anyway get its settings."""
INSTEAD = {"framebuffer": "vga"}
"""A `[[card]]` that takes the place of one that would be there."""

Geometry = tuple[int, int, int]


class Found(msgspec.Struct, frozen=True):
    """What is known of a machine file's images when its cards are chosen.

    `geometries` are those of the disks, `diskettes` the kinds of the floppy drives.
    """

    bios: bytes = b""
    roms: Mapping[str, bytes] = {}
    geometries: Sequence[Geometry] = ()
    diskettes: Sequence[str] = ()


class Wanted(msgspec.Struct, frozen=True):
    """A card and the place in the machine file that asks for it."""

    path: str
    card: str
    settings: dict[str, Any]
    slot: int | None = None
    cable: Cable | None = None
    restart: CardRestart | None = None
    sandbox: Sandbox = "engine"

    def __str__(self) -> str:
        return f"{self.card} ({self.path})" if self.path else self.card


def wanted_cards(
    machine: MachineFile, config: BoardConfig, plan: MemoryPlan | None, pc: bool, found: Found
) -> list[Wanted]:
    """Every card of the machine, in the order they are plugged in."""
    cards: list[Wanted] = []
    for plug in usual_cards(config, plan):
        if plug.card == "uart":
            cards += _of_connectors(machine)
        else:
            cards.append(Wanted("", plug.card, plug.settings))
    if pc:
        cards += [Wanted("", name, {}) for name in CHIPS]
        cards += _of_drives(found)
        cards = [_with_drives(card, machine, found) for card in cards]
        if found.bios:
            cards += _of_bios(config, found)
    anyway = len(cards)
    for number, table in enumerate(machine.card):
        restart = _restart(table)
        wanted = Wanted(
            f"card[{number}]", table.name, table.settings, table.slot, _cable(table), restart,
            table.sandbox,
        )  # fmt: skip
        index = next(
            (
                i for i, c in enumerate(cards)
                if c.card == INSTEAD.get(table.name) or (c.card == table.name and i < anyway)
            ),
            None,
        )  # fmt: skip
        if index is None or table.name in MANY:
            cards.append(wanted)
        else:
            settings = {**cards[index].settings, **table.settings}
            cards[index] = msgspec.structs.replace(wanted, settings=settings)
    return cards


def _cable(table: CardTable) -> Cable | None:
    if table.to is None:
        return None
    if is_form(table.to) and (table.to != "none" or table.name == "ne2000"):
        return Cable(table.to)
    return Cable(table.to, "parallel" if table.name == "lpt" else "serial")


def _restart(table: CardTable) -> CardRestart | None:
    if table.restart == "no":
        return None
    policy = RestartPolicy(
        "always",
        table.restart_delay,
        delay_max=table.restart_within,
        limit=table.restart_limit,
        within=table.restart_within,
    )
    return CardRestart(table.restart, policy)


def _of_connectors(machine: MachineFile) -> Iterator[Wanted]:
    for n, serial in enumerate(machine.serial):
        settings = PNP if serial.pnp else _jumpers(serial, COM_PORTS[n])
        yield Wanted(f"serial[{n}]", "uart", settings, cable=Cable(serial.to, "serial"))
    for n, parallel in enumerate(machine.parallel):
        settings = _jumpers(parallel, LPT_PORTS[n])
        yield Wanted(f"parallel[{n}]", "lpt", settings, cable=Cable(parallel.to, "parallel"))
    for n, network in enumerate(machine.network):
        settings = dict(PNP if network.pnp else _jumpers(network, NETWORK_CARDS[n]))
        settings["mac"] = MAC.format(MAC_FIRST + n) if network.mac is None else network.mac
        capture = "" if network.capture is None else str(network.capture.absolute())
        cable = Cable(network.to, capture=capture)
        yield Wanted(f"network[{n}]", "ne2000", settings, cable=cable)


def _jumpers(
    table: SerialTable | ParallelTable | NetworkTable, usual: tuple[int, int]
) -> dict[str, Any]:
    base, irq = usual
    return {
        "base": base if table.base is None else table.base,
        "irq": irq if table.irq is None else table.irq,
    }


def _of_drives(found: Found) -> Iterator[Wanted]:
    if found.diskettes:
        yield Wanted("floppy[0]", "fdc", {"drives": list(found.diskettes)})
    for channel in range(-(-len(found.geometries) // 2)):
        base, control, irq = IDE_CHANNELS[channel]
        settings: dict[str, Any] = {"base": base, "control": control, "irq": irq}
        drives = found.geometries[2 * channel : 2 * channel + 2]
        settings |= {f"geometry{n}": list(geometry) for n, geometry in enumerate(drives)}
        yield Wanted(f"disk[{2 * channel}]", "ide", settings)


def _with_drives(card: Wanted, machine: MachineFile, found: Found) -> Wanted:
    """The CMOS knows the drives."""
    if card.card != "cmos":
        return card
    drives = [
        dict(zip(("cylinders", "heads", "sectors"), g, strict=True)) for g in found.geometries
    ]
    settings = card.settings | {
        "diskettes": list(found.diskettes), "disks": drives, "boot": list(machine.boot.order),
    }  # fmt: skip
    return msgspec.structs.replace(card, settings=settings)


def _of_bios(config: BoardConfig, found: Found) -> Iterator[Wanted]:
    everything = struct.pack("<QQI", 0, config.memory * MIB, 1)
    files = {"etc/e820": everything, **found.roms}
    yield Wanted("boot.bios", "rom", {"content": found.bios})
    yield Wanted("boot.bios", "fwcfg", {"memory_kib": config.memory * 1024, "files": files})


# -- slots and conflicts ------------------------------------------------------------------------


def plug_ins(cards: Sequence[Wanted], faults: list[Fault]) -> list[PlugIn]:
    """The cards in slots; what is wrong with them, alone or together, is added to `faults`.

    Cards with a smaller choice have theirs before those with a larger one.
    """
    names = [offer.name for offer in offers()]
    kinds = [_kind(card, names, faults) for card in cards]
    offered = [_alternatives(*each, faults) for each in zip(cards, kinds, strict=True)]
    held: dict[int, Resources] = {}
    taken: dict[int, Wanted] = {}
    for index, card in enumerate(cards):
        if card.slot is not None and offered[index]:
            if card.slot in taken:
                other = taken[card.slot]
                faults.append(fault(f"{card.path}.slot", f"{other} is in this slot", card.slot))
            taken[card.slot] = card
    for index in sorted(range(len(cards)), key=lambda index: len(offered[index])):
        card, others = cards[index], [(cards[n], held[n]) for n in sorted(held)]
        match offered[index]:
            case [only]:
                faults += (
                    Fault(card.path or other.path, f"{card} needs {clash}; move one")
                    for other, clash in _taken(only, others)
                )
                held[index] = only
            case [first, *_] as several:
                clashes = {n: list(_taken(each, others)) for n, each in enumerate(several)}
                free = next((n for n, found in clashes.items() if not found), None)
                held[index] = first if free is None else several[free]
                if free is None:
                    faults.append(Fault(card.path, _none_free(card, several, clashes)))
    free_slots = (number for number in range(len(cards) + 256) if number not in taken)
    return [
        PlugIn(
            next(free_slots) if card.slot is None else card.slot,
            kind.name,
            card.settings,
            card.cable,
            held[index] if len(offered[index]) > 1 else None,
            card.restart,
            kind.elf,
        )
        for index, (card, kind) in enumerate(zip(cards, kinds, strict=True))
        if index in held and kind is not None
    ]


def _kind(card: Wanted, names: Sequence[str], faults: list[Fault]) -> CardKind | None:
    """What the card is; None when it cannot be had, which is added to `faults`."""
    by_name = card.path.startswith("card")
    place = f"{card.path}.name" if by_name else card.path
    sandbox = card.sandbox
    if not is_elf_path(card.card):
        sandbox = "engine"
        if card.sandbox != "engine":
            what = "is for cards in ELF files; this one is in Python"
            faults.append(fault(f"{card.path}.sandbox", what, card.sandbox))
        if card.card not in names:
            if by_name:
                faults.append(fault(place, "no card is called so", card.card, names))
            else:
                faults.append(Fault(place, f"needs card {card.card}, which is not installed"))
            return None
    try:
        return kind_of(card.card, sandbox)
    except HotswapError as error:
        faults.append(Fault(place, str(error)))
        return None


def _alternatives(card: Wanted, kind: CardKind | None, faults: list[Fault]) -> Sequence[Resources]:
    """What the card could lease; nothing when it cannot be had, which is added to `faults`."""
    if kind is None:
        return ()
    path = f"{card.path}.settings" if card.path.startswith("card") else card.path
    if wrong := settings_faults(kind.name, kind.settings_type, card.settings, path):
        faults += wrong
        return ()
    try:
        return kind.alternatives(card.settings)
    except HotswapError as error:
        faults.append(Fault(path, str(error)))
        return ()


def _taken(
    wanted: Resources, others: Sequence[tuple[Wanted, Resources]]
) -> Iterator[tuple[Wanted, str]]:
    """Who has something of `wanted`, and what it is."""
    for other, resources in others:
        for clash in _clashes(wanted, resources):
            yield other, f"{clash}, taken by {other}"


def _none_free(
    card: Wanted, several: Sequence[Resources], clashes: Mapping[int, list[tuple[Wanted, str]]]
) -> str:
    told = (
        f"{described(each)} ({'; '.join(clash for _, clash in clashes[n])})"
        for n, each in enumerate(several)
    )
    return f"{card}: none of its {len(several)} alternatives is free: {'; '.join(told)}; move one"


def _clashes(one: Resources, other: Resources) -> Iterator[str]:
    for ports in one.ports:
        for held in other.ports:
            lo = max(ports.start, held.start)
            hi = min(ports.start + ports.count, held.start + held.count)
            if lo < hi:
                yield f"port {lo:#05x}" if hi - lo == 1 else f"ports {lo:#05x}-{hi - 1:#05x}"
    for kind, mine, theirs in (("IRQ", one.irqs, other.irqs), ("DRQ", one.drqs, other.drqs)):
        yield from (f"{kind} {line}" for line in mine if line in theirs)
    for window in one.windows:
        for span in other.windows:
            if window.start < span.start + span.size and span.start < window.start + window.size:
                yield f"memory {span}"
