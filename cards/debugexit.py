"""Debug-exit port: 0xF4 (settable). A byte written there ends the machine, with it as status.

The port of QEMU's isa-debug-exit. The byte goes out on `slot.output`; whoever built the machine
ends it when the byte is let out, so a kernel that nobody has committed to yet cannot end it.
"""

from __future__ import annotations

from typing import Any

from hotswap.bus import Card, Policy, PortRange, Resources, Settings, State, hookimpl

PORT = 0xF4


class DebugExitSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """The jumpers."""

    base: int = PORT


class DebugExitState(State):
    """Nothing is latched."""


class DebugExit(Card[DebugExitState]):
    """One port, write only."""

    name = "debugexit"
    switchover = Policy.CARRY
    state_type = DebugExitState
    settings_type = DebugExitSettings
    settings: DebugExitSettings

    def resources(self) -> Resources:
        """The one port."""
        return Resources(ports=(PortRange(self.settings.base, 1),))

    def write(self, port: int, width: int, value: int) -> None:
        """Send the byte and end the CPU's slice: little of what follows is still executed."""
        self.slot.output.write(bytes((value,)))
        self.slot.backplane.kick()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return DebugExit if name == DebugExit.name else None
