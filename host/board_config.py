"""What a machine is built of: its settings, and the cards that are plugged in."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from hotswap.bus import Resources
from hotswap.cpu import Model
from hotswap.switchover.memory import MemoryPlan
from hotswap.switchover.trust import Trust

from . import wall_clock
from .cables import Cable
from .daemon.restart import RestartPolicy
from .elf_cards import ElfFile
from .sandbox.process_engine import DEADLINE


class BoardConfig(msgspec.Struct, frozen=True):
    """What to build. `memory` in MiB; `wall_clock` in ns since 1970 at power-on, None for now.

    A deterministic machine counts `rate` instructions a second and starts at a fixed date.
    """

    memory: int = 64
    cpu: Model = "486"
    deterministic: bool = False
    rate: int = 100_000_000
    wall_clock: int | None = None
    name: str = "machine"
    switchover: bool = True
    """Whether memory is kept for switchovers, and the card for them is plugged in."""
    trust: Trust = Trust()
    """Which images a switchover may replace the kernel by."""
    reboot: bool = True
    """Whether the machine starts again when the guest resets it; else the run ends."""
    sandbox_deadline: int = DEADLINE
    """Longest a port cycle waits for a card in a process of its own, ns."""


class CardRestart(msgspec.Struct, frozen=True):
    """How a card begins anew that has faulted: see `card_restart`."""

    begin: Literal["cold", "state"]
    policy: RestartPolicy


class PlugIn(msgspec.Struct, frozen=True):
    """A card, the slot it goes into, its settings, and what goes into its connector.

    `resources` chooses among its alternatives; by default the first that is free is taken.
    """

    slot: int
    card: str
    settings: dict[str, Any]
    cable: Cable | None = None
    resources: Resources | None = None
    restart: CardRestart | None = None
    elf: ElfFile | None = None
    """What the card is made of, when it is not in Python."""


def usual_cards(config: BoardConfig, plan: MemoryPlan | None) -> list[PlugIn]:
    """The cards of the plainest board, and the switchover card when `plan` has memory for one."""
    clock: dict[str, Any] = {"memory_kib": config.memory * 1024}
    if not config.deterministic or config.wall_clock is not None:
        now = config.wall_clock if config.wall_clock is not None else wall_clock.now_ns()
        clock["time"] = datetime.fromtimestamp(now / 1e9, UTC)
    cards: list[tuple[str, dict[str, Any]]] = [
        ("pic", {}), ("pit", {}), ("cmos", clock), ("uart", {}),
        ("port92", {}), ("post", {}), ("debugexit", {}),
    ]  # fmt: skip
    if plan is not None:
        memory = {
            "stage_pa": plan.stage.lo,
            "scratch_lo": plan.scratch.lo,
            "scratch_hi": plan.scratch.hi,
            "echo_pa": plan.echo.lo,
            "echo_len": plan.echo.size,
        }
        cards.append(("switchover", memory))
    return [PlugIn(slot, name, settings) for slot, (name, settings) in enumerate(cards)]
