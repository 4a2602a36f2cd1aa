"""The map as it passes through the host's hands: read from RAM, completed with the cards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hotswap.bus import Backplane
from hotswap.cards.switchover_messages import Acknowledged
from hotswap.cpu import Processor

from .conversation import PhaseFailed
from .errors import MapError
from .host_truth import POLICIES, hold_cards, hold_clock
from .memory import MemoryPlan, Span
from .records import Dev
from .savemap import SaveStateMap, read, write
from .schema import SectionType
from .validate import validate


class Transcript(NamedTuple):
    """A map as a kernel wrote it: decoded, its bytes, and the room the kernel has for it."""

    map: SaveStateMap
    content: bytes
    room: Span


@contextmanager
def map_read(whose: str) -> Iterator[None]:
    """A map that is wrong fails the phase."""
    try:
        yield
    except MapError as error:
        raise PhaseFailed(f"{whose}: {error}") from error


def read_map(
    processor: Processor,
    ack: Acknowledged,
    plan: MemoryPlan,
    *,
    time: tuple[int, int],
    draft: Transcript | None = None,
    echo_of: Transcript | None = None,
) -> Transcript:
    """The map a kernel says it has written.

    `time`: machine time when it was asked for the map, and now, ns. What is as it was in its
    `draft` is not checked again. An echo must be in ECHO, and is compared with a validated map; so
    only its form is checked. Raises PhaseFailed when it is somewhere it cannot be, MapError when it
    is no map.
    """
    lo, hi = ack.ssm_pa, ack.ssm_pa + ack.ssm_len
    if not (0 < lo < hi <= plan.ram and lo % 4096 == 0):
        raise PhaseFailed(f"the kernel says its map is at {lo:#x}-{hi:#x}, which cannot be")
    if echo_of and not plan.echo.holds(lo, hi):
        raise PhaseFailed(f"the echo is at {lo:#x}-{hi:#x}, not in {plan.echo}")
    if ack.ssm_len > plan.echo.size:  # else a kernel decides how long the host decodes
        raise PhaseFailed(
            f"the kernel says its map has {ack.ssm_len} bytes; with {plan.ram >> 20} MiB of RAM"
            f" there is room for an echo of {plan.echo.size}"
        )
    content = processor.read_memory(lo, ack.ssm_len)
    if echo_of:
        saved = read(content, (echo_of.map, echo_of.content))
    else:
        saved = validate(content, plan, (draft.map, draft.content) if draft else None)
    hold_clock(saved, *time)
    if echo_of:
        return Transcript(saved, content, plan.echo)
    room = Span("the map", saved.header.phys_lo, saved.header.phys_hi)
    return Transcript(saved, content, room)


def complete(script: Transcript, backplane: Backplane) -> bytes:
    """The map with section DEV appended: one record for each card, its state in BLOB.

    Raises MapError when the kernel has put cards there itself, CardError when one gives no state.
    """
    saved = script.map
    for number, slot in sorted(backplane.slots.items()):
        resources, state = slot.leased, slot.save()
        irq = resources.irqs[0] if resources.irqs else 0
        port = resources.ports[0].start if resources.ports else 0
        saved.put_device(
            Dev(
                dev_id=number,
                bus=irq << 16 | port,
                driver=slot.title.encode()[:16],
                state_ver=state.version,
                policy=POLICIES.index(slot.policy),
            ),
            state.fields,
        )
    hold_cards(saved, backplane)
    return write(saved, source=script.content, changed=(SectionType.DEV, SectionType.BLOB))
