"""In which order cards are frozen: whoever needs another card is frozen before it.

A card needs the interrupt controller when it has an IRQ line, the DMA controller when it has a DRQ
line, and those it names in `needs`. Cards nobody needs any more make up a wave; they are frozen
together, the highest slot first, and the next wave when they have ended. Thawing goes the other
way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping


def waves(needs: Mapping[int, Collection[int]]) -> list[list[int]]:
    """The slots of `needs` in the order to freeze them; `needs` says whom each slot needs.

    In a circle of cards that need each other the highest slot is the first.
    """
    left, order = set(needs), list[list[int]]()
    while left:
        needed = {other for slot in left for other in needs[slot] if other != slot}
        wave = sorted(left - needed, reverse=True) or [max(left)]
        order.append(wave)
        left -= set(wave)
    return order
