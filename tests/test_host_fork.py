"""Forks: another process gets the machine whole, and the machine itself stays as it was."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import ClassVar

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import BusError, Card, PortRange, Resources, Slot, State
from hotswap.cpu import Ram
from hotswap.host import fork as module
from hotswap.host.board import Board
from hotswap.host.fork import Fork, fork
from hotswap.host.guest import Guest
from hotswap.host.snapshot import Snapshot, go_on, open_restored, take_snapshot
from hotswap.host.snapshot_elf import SnapshotError
from hotswap.host.snapshot_state import decode_machine

MS = 1_000_000


@pytest.fixture
def files() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def restored(forked: Fork) -> Snapshot:
    return Snapshot(decode_machine(forked.machine, "the fork"), [], [], [])


async def test_a_fork_is_what_a_snapshot_of_the_same_instant_is(
    guest: Guest, files: ExitStack
) -> None:
    guest.boot(["registers:100", "pipes:30"])
    await guest.pass_time(20 * MS)
    board = guest.board
    board.processor.ram.commit()  # some pages are in the base, some not
    await guest.pass_time(5 * MS)
    await board.pause()
    board.serial.input.feed(b"not read yet")
    board.serial.output.write(b"not sent yet")
    await board.backplane.quiesce(each=1, total=1)  # chips that work out their registers when
    board.backplane.thaw()  # somebody looks have done so
    await wait_all_tasks_blocked()
    saved = await take_snapshot(board)
    forked = await fork(board, files)
    machine = restored(forked).machine
    for name in saved.machine.__struct_fields__:
        if name not in {"taken_at", "ram"}:
            assert getattr(machine, name) == getattr(saved.machine, name), name
    ram = Ram(machine.ram_size, forked.ram)
    for start, size in ram.spans:
        assert ram.read(start, size) == board.processor.ram.read(start, size)
    async with open_restored(restored(forked), ram=ram) as other:
        go_on(other, restored(forked))
        await other.backplane.clock.sleep_until(other.backplane.clock.now() + MS)
    assert forked.copied > 0
    assert forked.pause_ms > 0


async def test_what_the_machine_writes_later_is_not_in_it_and_the_other_way_round(
    guest: Guest, files: ExitStack
) -> None:
    guest.boot()
    await guest.pass_time(5 * MS)
    processor, at = guest.board.processor, 0x90000
    forked = await fork(guest.board, files)
    processor.write_memory(at, b"later")
    processor.ram.commit()
    ram = Ram(processor.ram.size, forked.ram)
    assert ram.read(at, 5) == bytes(5)
    ram.store(at, b"there")
    ram.commit()
    assert processor.read_memory(at, 5) == b"later"


async def test_a_card_that_does_not_come_to_rest_is_named_and_the_machine_goes_on(
    guest: Guest, files: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "card_type", lambda name: None)
    monkeypatch.setattr(module, "FREEZE", 0.001)
    await guest.board.backplane.insert(Restless())
    guest.boot()
    await guest.pass_time(5 * MS)
    with pytest.raises(SnapshotError, match="card restless does not come to rest; try again"):
        await fork(guest.board, files)
    await guest.pass_time(MS)
    assert guest.board.backplane.locked_by is None


@pytest.mark.parametrize("take", [fork, lambda board, files: take_snapshot(board)])
async def test_a_card_that_flushes_is_waited_for_and_does_not_notice(
    guest: Guest,
    files: ExitStack,
    monkeypatch: pytest.MonkeyPatch,
    take: Callable[[Board, ExitStack], Awaitable[object]],
) -> None:
    monkeypatch.setattr(module, "card_type", lambda name: None)
    card = Flushing()
    slot = await guest.board.backplane.insert(card)
    guest.boot()
    await card.begun.wait()
    with monkeypatch.context() as hasty:
        hasty.setattr("hotswap.host.snapshot.FLUSH", 0.001)
        with pytest.raises(SnapshotError, match="card flushing is flushing; try again later"):
            await take(guest.board, files)
    assert slot.running
    assert not slot.needs_reset
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, guest.board, files)
        while guest.board.backplane.locked_by is None:
            await trio.lowlevel.checkpoint()
        await trio.lowlevel.checkpoint()  # it waits now
        card.go_on.set()
    assert card.whole
    assert not slot.needs_reset


async def test_a_flush_that_begins_in_the_freeze_is_not_cut_short(
    guest: Guest,
) -> None:
    card = Flushing()
    slot = await guest.board.backplane.insert(card)
    await card.begun.wait()
    late = await guest.board.backplane.quiesce(each=0.001, total=0.001, cut=False)
    assert "flushing" in late  # on a busy host the others may be, too
    guest.board.backplane.thaw()
    card.go_on.set()
    await slot.flushed()
    assert card.whole
    assert not slot.needs_reset


async def test_during_a_switchover_it_is_refused(guest: Guest, files: ExitStack) -> None:
    guest.boot()
    with guest.board.backplane.locked("switchover 1"), pytest.raises(BusError, match="under way"):
        await fork(guest.board, files)


async def test_nothing_stays_open(guest: Guest) -> None:
    guest.boot()
    await guest.pass_time(5 * MS)
    await guest.board.pause()
    with ExitStack() as stack:
        await fork(guest.board, stack)
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with ExitStack() as stack:
        await fork(guest.board, stack)
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208


class Nothing(State):
    """Of a card for these tests."""


class Restless(Card[Nothing]):
    """A card that takes its time to come to rest."""

    name: ClassVar[str] = "restless"
    state_type = Nothing

    def resources(self) -> Resources:
        return Resources(ports=(PortRange(0x300, 1),))

    async def run(self, slot: Slot) -> None:
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(0.5)


class Flushing(Restless):
    """A card in the middle of a flush until it may go on."""

    name: ClassVar[str] = "flushing"

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go_on, self.whole = trio.Event(), trio.Event(), False

    async def run(self, slot: Slot) -> None:
        if not self.whole:
            async with slot.flush():
                self.begun.set()
                await self.go_on.wait()
                self.whole = True
        await trio.sleep_forever()
