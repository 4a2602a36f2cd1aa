"""The map as it passes through the host's hands: read from RAM, completed with the cards."""

from __future__ import annotations

from hotswap.bus import Backplane, Policy
from hotswap.cards.switchover import Acknowledged
from hotswap.cpu import Processor

from .conversation import PhaseFailed
from .memory import MemoryPlan, Span
from .records import Dev
from .savemap import SaveStateMap, read
from .validate import validate

_POLICIES = list(Policy)


def read_map(
    processor: Processor, ack: Acknowledged, plan: MemoryPlan, *, echo: bool = False
) -> tuple[SaveStateMap, Span]:
    """The map a kernel says it has written, and the room it has for it.

    An echo must be in ECHO, and is compared with a validated map; so only its form is checked.
    Raises PhaseFailed when it is somewhere it cannot be, MapError when it is no map.
    """
    lo, hi = ack.ssm_pa, ack.ssm_pa + ack.ssm_len
    if not (0 < lo < hi <= plan.ram and lo % 4096 == 0):
        raise PhaseFailed(f"the kernel says its map is at {lo:#x}-{hi:#x}, which cannot be")
    if echo and not plan.echo.holds(lo, hi):
        raise PhaseFailed(f"the echo is at {lo:#x}-{hi:#x}, not in {plan.echo}")
    content = processor.read_memory(lo, ack.ssm_len)
    if echo:
        return read(content), plan.echo
    saved = validate(content, plan)
    return saved, Span("the map", saved.header.phys_lo, saved.header.phys_hi)


def add_devices(saved: SaveStateMap, backplane: Backplane) -> None:
    """Append section DEV: one record for each card, its state in BLOB."""
    for number, slot in sorted(backplane.slots.items()):
        resources, state = slot.card.resources(), slot.card.save()
        irq = resources.irqs[0] if resources.irqs else 0
        port = resources.ports[0].start if resources.ports else 0
        saved.put_device(
            Dev(
                dev_id=number,
                bus=irq << 16 | port,
                driver=slot.title.encode()[:16],
                state_ver=state.version,
                policy=_POLICIES.index(slot.policy),
            ),
            state.fields,
        )
