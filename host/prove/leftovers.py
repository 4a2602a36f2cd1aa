"""What a board holds on to: what is more than before must not be left when something has ended."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec
import trio

from hotswap.cards.switchover import SwitchoverCard
from hotswap.host.board import Board

RAM = "guest-ram"


class Holdings(msgspec.Struct, frozen=True):
    """Everything that can be left over, at one instant. Take it while the machine stands.

    `tasks` of this trio run and open `files` by name, `mappings` of guest RAM with their access (a
    protected page splits one), `leases` of ports, memory and lines, `streams` that are held;
    `board`: what else is switched, locked or waited for.
    """

    tasks: Counter[str]
    files: Counter[str]
    mappings: Counter[str]
    leases: Counter[str]
    streams: Counter[str]
    board: dict[str, object]

    @classmethod
    def of(cls, board: Board) -> Holdings:
        """What `board` and this process hold now."""
        return cls(
            tasks=Counter(_tasks()),
            files=Counter(_files()),
            mappings=Counter(_mappings()),
            leases=Counter(_leases(board)),
            streams=Counter(_held(board)),
            board=_switched(board),
        )

    def left(self, before: Holdings) -> list[str]:
        """What there is more than `before`, and what is missing; empty when nothing is."""
        found = []
        for kind in ("tasks", "files", "mappings", "leases", "streams"):
            now, then = getattr(self, kind), getattr(before, kind)
            found += [f"{kind}: {name} is left" for name in sorted((now - then).elements())]
            found += [f"{kind}: {name} is gone" for name in sorted((then - now).elements())]
        for name, value in self.board.items():
            if value != (was := before.board[name]):
                found.append(f"{name} is {value}, was {was}")
        return found


def _tasks() -> Iterator[str]:
    """The names of all tasks there are, but for trio's own."""
    root = trio.lowlevel.current_root_task()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        yield task.name
        for nursery in task.child_nurseries:
            waiting.extend(nursery.child_tasks)


def _files() -> Iterator[str]:
    for file in Path("/proc/self/fd").iterdir():
        try:
            yield str(file.readlink())
        except FileNotFoundError:  # that of the listing itself
            continue


def _mappings() -> Iterator[str]:
    for line in Path("/proc/self/maps").read_text().splitlines():
        if RAM in line:
            span, access = line.split()[:2]
            yield f"{span} {access}"


def _leases(board: Board) -> Iterator[str]:
    plane = board.backplane
    for number, resources in plane.leases.items():
        yield f"slot {number} {plane.slots[number].title} {resources}"
    for lines in (plane.irq, plane.drq):
        for line in range(len(lines.levels)):
            if (holder := lines.holder(line)) is not None:
                yield f"{lines.name} {line} of slot {holder}"


def _held(board: Board) -> Iterator[str]:
    for slot in board.backplane.slots.values():
        streams = {
            "output": slot.output.held,
            "input": slot.input.held,
            "frames_out": slot.frames_out.held,
            "frames_in": slot.frames_in.held,
        } | {f"disk {number}": disk.held for number, disk in enumerate(slot.disks)}
        yield from (f"{slot.title} {name}" for name, held in streams.items() if held)


def _switched(board: Board) -> dict[str, object]:
    plane = board.backplane
    cards = [slot.card for slot in plane.slots.values() if isinstance(slot.card, SwitchoverCard)]
    return {
        "locked by": plane.locked_by,
        "listeners": plane.listeners,
        "frozen": plane.frozen,
        "IRQ edges are latched": plane.irq.held,
        "DRQ edges are latched": plane.drq.held,
        "cards that run": [slot.title for _, slot in sorted(plane.slots.items()) if slot.running],
        "cards at fault": [slot.title for _, slot in sorted(plane.slots.items()) if slot.fault],
        "asked to stand still": board.processor.asked,
        "instruction budget": board.processor.budgeted,
        "garbage collection": gc.isenabled(),
        "mailboxes": [(int(card.state.cmd), card.state.txn) for card in cards],
        "signals nobody heard": sum(
            card.signals.statistics().current_buffer_used for card in cards
        ),
        "who waits for signals": sum(
            card.signals.statistics().tasks_waiting_receive for card in cards
        ),
    }
