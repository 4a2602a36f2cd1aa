"""The BIOS's ROM: ends at 4 GiB, where a processor fetches after RESET.

Intel486 Data Book, 6.5.2: the first fetch is from 0xFFFFFFF0. What real mode sees of a BIOS below
1 MiB is a shadow in RAM, as on boards with shadow memory; whoever starts the machine copies it.
"""

from __future__ import annotations

from typing import Any

from hotswap.bus import Card, Policy, Settings, Slot, State, hookimpl

TOP = 1 << 32


class RomSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """What is burnt into it: whole pages of 4 KiB."""

    content: bytes = b"\xff" * 4096


class RomState(State):
    """A ROM has none."""


class Rom(Card[RomState]):
    """A chip that only answers loads."""

    name = "rom"
    switchover = Policy.CARRY
    state_type = RomState
    settings_type = RomSettings
    settings: RomSettings

    def plugged(self, slot: Slot) -> None:
        """Answer loads, at the speed of RAM."""
        content = self.settings.content
        slot.map_rom(TOP - len(content), content)


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Rom if name == Rom.name else None
