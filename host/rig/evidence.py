"""What is left of a board when its test is over: the report of a failure shows it."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar

import msgspec

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CycleRecord,
    EdgeRecord,
    HostWrite,
    PixelScreen,
    Screen,
    Slot,
    Space,
    TextScreen,
)
from hotswap.bus.trace import Record
from hotswap.host.screen import lines

from .serial_line import SerialLine

SERIAL_MOST = 4000
"""Characters of each serial line that are shown."""


class Evidence(msgspec.Struct):
    """One board at the end of a test; texts as they are printed, empty where there is nothing."""

    slots: str
    trace: str
    serial: dict[str, str]
    screen: Screen | None

    @property
    def screen_text(self) -> str:
        """A text screen, without what is empty at its end."""
        if not isinstance(self.screen, TextScreen):
            return ""
        return "\n".join(line.rstrip() for line in lines(self.screen)).rstrip()

    @property
    def picture(self) -> PixelScreen | None:
        """A graphics screen."""
        return self.screen if isinstance(self.screen, PixelScreen) else None


COLLECTED: ContextVar[list[Evidence]] = ContextVar("hotswap_evidence")
"""Where the test that runs here wants it."""


def collect(
    backplane: Backplane, records: Iterable[Record] = (), serial: Iterable[SerialLine] = ()
) -> None:
    """Leave what there is of `backplane` now for the report, if somebody wants one."""
    if (collected := COLLECTED.get(None)) is None:
        return
    try:
        screen: Screen | None = backplane.screen()
    except BusError:
        screen = None
    said = {}
    for line in serial:
        line.take_rest()
        if line.text:
            said[f"{line.slot.title} in slot {line.slot.number}"] = line.text[-SERIAL_MOST:]
    trace = "\n".join(trace_line(backplane, record) for record in records)
    collected.append(Evidence(slot_table(backplane), trace, said, screen))


def slot_table(backplane: Backplane) -> str:
    """Which cards are where, how they are, and what is injected."""
    found = [_slot_line(slot) for _, slot in sorted(backplane.slots.items())]
    found += [f"{injection}: {injection.hits} hits" for injection in backplane.injections]
    return f"machine time {backplane.clock.now() / 1e6:,.6f} ms\n" + "\n".join(found or ["empty"])


def _slot_line(slot: Slot) -> str:
    idle = type(slot.card).run is Card.run  # nothing but its cycles and alarms
    how = "hangs (injected)" if slot.hung else "runs" if idle or slot.running else "stands still"
    how = f"FAULT: {slot.fault.what}" if slot.fault is not None else how
    leased = slot.resources
    parts = [f"ports {', '.join(map(str, leased.ports))}"] if leased.ports else []
    parts += [f"IRQ {', '.join(map(str, leased.irqs))}"] if leased.irqs else []
    parts += [f"DRQ {', '.join(map(str, leased.drqs))}"] if leased.drqs else []
    return f"slot {slot.number:>2} {slot.title:<12} {how:<12}  {'; '.join(parts)}".rstrip()


def trace_line(backplane: Backplane, record: Record) -> str:
    """A record of the bus trace for people."""
    time = f"{record.time / 1e6:>14,.6f} ms  "
    match record:
        case CycleRecord():
            port = record.space is Space.PORT
            verbs = ("IN", "OUT") if port else ("load", "store")
            holder = (backplane.io if port else backplane.windows).holder(record.address)
            whose = holder.title if holder is not None else "nobody"
            value = f"{record.value:#0{2 + 2 * record.width}x}"
            return f"{time}{verbs[record.write]:<5} {record.address:#06x} {value}  {whose}"
        case EdgeRecord():
            return f"{time}{record.line} {record.number} {'rises' if record.level else 'falls'}"
        case HostWrite():
            return f"{time}{record.size} bytes at {record.address:#x} by {record.by}"
        case _:
            return f"{time}injection {record.number}: {record.what}"
