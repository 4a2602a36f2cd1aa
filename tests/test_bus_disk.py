"""Disks: whatever is held, rewound and released when, the medium gets what was let out."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hotswap.bus import SECTOR, Backplane, BusError, Card, Disk, MediaError, Resources, State

SIZE = 12


class Drum:
    """A medium of `SIZE` sectors in memory, whose motor may fail."""

    read_only = False
    sectors = SIZE
    identity = "drum"

    def __init__(self) -> None:
        self.content = bytearray(SIZE * SECTOR)
        self.flushed = bytes(self.content)
        self.broken = False

    def read(self, lba: int, count: int) -> bytes:
        return bytes(self.content[lba * SECTOR : (lba + count) * SECTOR])

    def write(self, lba: int, content: bytes) -> None:
        if self.broken:
            raise MediaError("the motor stands still")
        self.content[lba * SECTOR : lba * SECTOR + len(content)] = content

    def flush(self) -> None:
        if self.broken:
            raise MediaError("the motor stands still")
        self.flushed = bytes(self.content)


class DiskAgainstItsHistory(RuleBasedStateMachine):
    """`current` is what the guest must read, `marked` what it read at the mark."""

    def __init__(self) -> None:
        super().__init__()
        self.drum, self.disk = Drum(), Disk()
        self.disk.change(self.drum)
        self.current = bytes(SIZE * SECTOR)
        self.marked: bytes | None = None
        self.behind = False
        """The medium has refused something that was let out."""
        self.number = 0

    @rule(lba=st.integers(0, SIZE - 1), count=st.integers(1, 4))
    def write(self, lba: int, count: int) -> None:
        count = min(count, SIZE - lba)
        self.number += 1
        content = self.number.to_bytes(2, "little") * (SECTOR // 2) * count
        try:
            self.disk.write(lba, content)
        except MediaError:
            assert self.drum.broken
            assert self.marked is None
            if not self.behind:
                return  # refused; but behind others that are owed it is kept
        end = (lba + count) * SECTOR
        self.current = self.current[: lba * SECTOR] + content + self.current[end:]
        self.behind = self.behind and (self.drum.broken or self.marked is not None)

    @rule()
    def flush(self) -> None:
        try:
            self.disk.flush()
        except MediaError:
            assert self.drum.broken
            assert self.marked is None
            return
        if self.marked is None:
            self.behind = False
            assert self.drum.flushed == self.current

    @rule()
    def hold(self) -> None:
        self.let_out()
        self.disk.hold()
        self.marked = self.current

    @rule()
    def rewind(self) -> None:
        self.disk.rewind()
        if self.marked is not None:
            self.current = self.marked

    @rule()
    def release(self) -> None:
        self.let_out()
        self.disk.release()
        self.marked = None

    def let_out(self) -> None:
        if self.marked is not None:
            self.behind = (self.behind or self.current != self.marked) and self.drum.broken

    @rule(broken=st.booleans())
    def motor(self, broken: bool) -> None:
        self.drum.broken = broken

    @invariant()
    def the_guest_reads_what_it_wrote(self) -> None:
        assert self.disk.read(0, SIZE) == self.current
        assert self.disk.read(5, 2) == self.current[5 * SECTOR : 7 * SECTOR]

    @invariant()
    def the_medium_has_what_was_let_out(self) -> None:
        if not self.behind:
            assert bytes(self.drum.content) == (
                self.current if self.marked is None else self.marked
            )


test_a_disk_agrees_with_its_history = DiskAgainstItsHistory.TestCase


@pytest.fixture
def disk() -> Disk:
    disk = Disk()
    disk.change(Drum())
    return disk


def test_a_flush_while_held_is_made_good_at_the_release(disk: Disk) -> None:
    drum = disk.medium
    assert isinstance(drum, Drum)
    disk.hold()
    disk.write(3, b"x" * SECTOR)
    disk.flush()
    assert drum.flushed == bytes(SIZE * SECTOR)
    disk.release()
    assert drum.flushed[3 * SECTOR : 4 * SECTOR] == b"x" * SECTOR


def test_a_flush_that_was_undone_is_forgotten(disk: Disk) -> None:
    drum = disk.medium
    assert isinstance(drum, Drum)
    disk.write(0, b"x" * SECTOR)
    disk.hold()
    disk.flush()
    disk.rewind()
    disk.release()
    assert drum.flushed == bytes(SIZE * SECTOR)


@pytest.mark.parametrize(("lba", "count"), [(SIZE, 1), (SIZE - 1, 2), (-1, 1), (0, 0)])
def test_sectors_beyond_the_medium_are_refused(disk: Disk, lba: int, count: int) -> None:
    with pytest.raises(MediaError, match="beyond the medium's 12"):
        disk.read(lba, count)
    with pytest.raises(MediaError, match="beyond"):
        disk.write(lba, bytes(count * SECTOR))


def test_a_drive_without_a_medium_says_so() -> None:
    disk = Disk()
    assert disk.sectors == 0
    with pytest.raises(MediaError, match="no medium"):
        disk.read(0, 1)
    disk.flush()


def test_the_card_hears_of_a_change_and_none_comes_in_a_switchover(disk: Disk) -> None:
    heard = []
    disk.on_change = lambda: heard.append(disk.medium)
    disk.change(None)
    assert heard == [None]
    disk.hold()
    with pytest.raises(BusError, match="cannot change a disk during a switchover"):
        disk.change(Drum())
    disk.release()
    disk.change(Drum())
    assert len(heard) == 2


class Recorder(Card[State]):
    """Two drives and nothing else."""

    name = "recorder"
    state_type = State

    def resources(self) -> Resources:
        return Resources(disks=2)


async def test_the_backplane_holds_and_rewinds_the_disks_of_every_card(
    backplane: Backplane,
) -> None:
    slot = await backplane.insert(Recorder())
    assert len(slot.disks) == 2
    drum = Drum()
    slot.disks[1].change(drum)
    backplane.hold_streams()
    slot.disks[1].write(0, b"x" * SECTOR)
    backplane.rewind_streams()
    assert slot.disks[1].read(0, 1) == bytes(SECTOR)
    slot.disks[1].write(1, b"y" * SECTOR)
    assert bytes(drum.content) == bytes(SIZE * SECTOR)
    backplane.release_streams()
    assert drum.content[SECTOR : 2 * SECTOR] == b"y" * SECTOR


def test_a_still_disk_writes_nothing_of_two_marks_before_the_release(disk: Disk) -> None:
    drum = disk.medium
    assert isinstance(drum, Drum)
    disk.hold(still=True)
    disk.write(0, b"a" * SECTOR)
    disk.flush()
    disk.hold(still=True)
    disk.write(1, b"b" * SECTOR)
    assert disk.pending == {0: b"a" * SECTOR, 1: b"b" * SECTOR}
    disk.rewind()
    assert disk.read(0, 2) == b"a" * SECTOR + bytes(SECTOR)
    assert bytes(drum.content) == bytes(SIZE * SECTOR)
    disk.release()
    assert drum.flushed[: 2 * SECTOR] == b"a" * SECTOR + bytes(SECTOR)


def test_sectors_that_are_owed_are_read_and_go_to_the_medium_at_the_next_chance(
    disk: Disk,
) -> None:
    drum = disk.medium
    assert isinstance(drum, Drum)
    disk.owe({2: b"c" * SECTOR})
    assert disk.read(2, 1) == b"c" * SECTOR
    disk.hold(still=True)
    assert disk.pending == {2: b"c" * SECTOR}
    disk.release()
    assert drum.flushed[2 * SECTOR : 3 * SECTOR] == b"c" * SECTOR
    assert disk.pending == {}


def test_a_disk_that_holds_as_much_as_it_may_says_so_until_the_release(disk: Disk) -> None:
    heard = []
    disk.on_room = lambda: heard.append(disk.full)
    disk.held_max = 2
    disk.hold()
    disk.write(0, bytes(SECTOR))
    assert not disk.full
    disk.write(1, bytes(SECTOR))
    assert disk.full
    disk.release()
    assert heard == [False]
