"""What a card leases: whether it makes sense, which of its alternatives is free, what it adds."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

import msgspec

from .card import Card, Resources
from .cycle import MemoryRange, PortRange, Width
from .errors import CARD_RAISES, BusError, CardError
from .latches import is_latch
from .line import Wire
from .ports import PortHolder


class Lease:
    """Ports, windows and lines of a slot; all of them, or there is no lease.

    `irqs` and `drqs` are the wires, in the order of `resources`.
    """

    def __init__(self, tenant: PortHolder, resources: Resources) -> None:
        self.resources = resources
        self._tenant = tenant
        self.irqs: list[Wire] = []
        self.drqs: list[Wire] = []

    @property
    def number(self) -> int:
        """The slot."""
        return self._tenant.number

    @property
    def title(self) -> str:
        """The card's name, for messages."""
        return self._tenant.title


def alternatives(card: Card[Any]) -> Sequence[Resources]:
    """What the card says it could lease; there is at least one.

    Raises `BusError` when its settings lead nowhere or an alternative contradicts itself,
    `CardError` when the card itself raised.
    """
    try:
        found = tuple(card.alternatives())
    except ValueError as error:
        raise BusError(f"card {card.name}: {error}; change its settings") from error
    except CARD_RAISES as error:
        what = f"it cannot say what it leases: {type(error).__name__}: {error}"
        raise CardError(card.name, what) from error
    if not found or not all(isinstance(each, Resources) for each in found):
        raise CardError(card.name, f"its alternatives() are {found!r}; return some Resources")
    for each in found:
        check(card, each)
    return found


def choose(
    card: Card[Any], free: Callable[[Resources], None], wanted: Resources | None = None
) -> Resources:
    """The first of the card's alternatives for which `free` does not raise `BusError`.

    With `wanted` only the one with the same ports, lines and windows will do. Raises `BusError`
    that names for each alternative the resource and its holder; `CardError`.
    """
    offered = alternatives(card)
    if wanted is not None:
        offered = [each for each in offered if _place(each) == _place(wanted)]
        if not offered:
            raise BusError(
                f"card {card.name}: {described(wanted)} is not among its alternatives; "
                "use the version of the card that had it, or other settings"
            )
    reasons = list[str]()
    for each in offered:
        try:
            free(each)
        except BusError as error:
            reasons.append(str(error))
        else:
            return each
    if len(offered) == 1:
        raise BusError(reasons[0])
    told = (
        f"{described(each)} ({reason.removeprefix(f'card {card.name}: ').partition('; ')[0]})"
        for each, reason in zip(offered, reasons, strict=True)
    )
    raise BusError(
        f"card {card.name}: none of its {len(offered)} alternatives is free: {'; '.join(told)}; "
        "remove a card that is in the way"
    )


def described(resources: Resources) -> str:
    """In words: "ports 0x0280-0x0287, IRQ 5, DRQ 1"."""
    parts = [f"ports {ports}" for ports in resources.ports]
    parts += [f"IRQ {line}" for line in resources.irqs]
    parts += [f"DRQ {line}" for line in resources.drqs]
    parts += [f"memory {window}" for window in resources.windows]
    return ", ".join(parts) or "nothing"


def _place(resources: Resources) -> tuple[Sequence[object], ...]:
    """What the guest has to know to use the card."""
    return resources.ports, resources.irqs, resources.drqs, resources.windows


def check(card: Card[Any], resources: Resources) -> None:
    """Raise `BusError` when `resources` of `card` contradict themselves."""
    for name, lines in (("IRQ", resources.irqs), ("DRQ", resources.drqs)):
        twice = [line for line in lines if lines.count(line) > 1]
        if twice:
            raise BusError(f"card {card.name}: it names {name} {twice[0]} twice; name it once")
    for one, other in itertools.combinations(_spans(resources.ports), 2):
        if one[0] < other[1] and other[0] < one[1]:
            raise BusError(f"card {card.name}: its ports {one[2]} and {other[2]} overlap")
    for one, other in itertools.combinations(_spans(resources.windows), 2):
        if one[0] < other[1] and other[0] < one[1]:
            raise BusError(f"card {card.name}: its windows {one[2]} and {other[2]} overlap")
    if resources.cycle_width not in get_args(Width):
        raise BusError(
            f"card {card.name}: no bus is {resources.cycle_width} bytes wide; its cycle_width has "
            "to be 1, 2 or 4"
        )
    if resources.disks < 0:
        raise BusError(f"card {card.name}: it cannot have {resources.disks} drives")
    for port, field in resources.latches.items():
        if not any(port in ports for ports in resources.ports):
            raise BusError(f"card {card.name}: the latch at {port:#06x} is at none of its ports")
        if not is_latch(card, field):
            raise BusError(
                f"card {card.name}: the latch at port {port:#06x} is to be the number {field} "
                f"of its state, which {type(card.state).__name__} has not as a field to be set"
            )


def _spans(ranges: Iterable[PortRange | MemoryRange]) -> Iterable[tuple[int, int, object]]:
    for each in ranges:
        size = each.count if isinstance(each, PortRange) else each.size
        yield each.start, each.start + size, each


def together(first: Resources, others: Sequence[Lease]) -> Resources:
    """`first`, and what was leased since."""
    if not others:
        return first
    parts = [first, *(lease.resources for lease in others)]
    return msgspec.structs.replace(
        first,
        ports=[ports for part in parts for ports in part.ports],
        irqs=[line for part in parts for line in part.irqs],
        drqs=[line for part in parts for line in part.drqs],
        windows=[window for part in parts for window in part.windows],
    )
