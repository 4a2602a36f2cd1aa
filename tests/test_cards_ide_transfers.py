"""Whole transfers against a model of the disk, with freezes and rollbacks in the middle."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import SECTOR, Backplane, Slot, open_backplane
from hotswap.cards.ide import Ide
from hotswap.host.media import open_medium
from hotswap.host.pytest_plugin import Ports, VirtualClock

SIZE = 300
READ, WRITE, READ_MULTIPLE, WRITE_MULTIPLE, SET_MULTIPLE = 0x20, 0x30, 0xC4, 0xC5, 0xC6
FREEZE, ROLL_BACK = "freeze", "roll back"


class Transfer(msgspec.Struct, frozen=True):
    """One command; at word `when` of it something happens to the board."""

    write: bool
    multiple: int
    """Sectors of a block; 0 for READ and WRITE SECTORS."""
    lba: int
    count: int
    what: str | None = None
    when: int = 0


transfers = st.builds(
    Transfer,
    write=st.booleans(),
    multiple=st.sampled_from([0, 1, 4, 16]),
    lba=st.integers(0, SIZE - 1),
    count=st.integers(1, 40),
    what=st.sampled_from([None, FREEZE, ROLL_BACK]),
    when=st.integers(0, 2000),
)


class Host:
    """A driver: waits for the interrupt of every block, reads the status, moves the block."""

    def __init__(self, backplane: Backplane, slot: Slot) -> None:
        self.backplane, self.slot, self.ports = backplane, slot, Ports(backplane)

    def begin(self, code: int, lba: int, count: int) -> None:
        out = self.ports.write
        for reg, value in ((6, 0xE0), (2, count), (3, lba), (4, lba >> 8), (5, 0), (7, code)):
            out(0x1F0 + reg, value & 0xFF)

    async def ready(self, expected: int, *, irq: bool = True) -> None:
        """No longer busy, with an interrupt, and in the state the protocol says."""
        await settle()
        assert self.slot.irq.level == irq
        assert self.ports.read(0x1F7) == expected
        assert not self.slot.irq.level

    async def set_multiple(self, count: int) -> None:
        self.begin(SET_MULTIPLE, 0, count)
        await self.ready(0x50)

    async def happen(self, what: str) -> None:
        """Freeze and thaw; or go on with something else and take it all back."""
        await self.backplane.quiesce(each=1, total=1)
        if what == ROLL_BACK:
            saved = self.backplane.snapshot()
            self.backplane.hold_streams()
            self.backplane.thaw()
            for lba in range(0, SIZE, 50):
                self.begin(WRITE, lba, 2)
                await settle()
                for _ in range(300):
                    self.ports.write(0x1F0, 0xDEAD, width=2)
            self.ports.write(0x3F6, 4)
            await self.backplane.quiesce(each=1, total=1)
            self.backplane.restore(saved)
            self.backplane.rewind_streams()
            self.backplane.release_streams()
        self.backplane.thaw()

    async def perform(self, transfer: Transfer, content: bytes) -> bytes:
        """Move `content`, or read as much."""
        count = len(content) // SECTOR
        block = max(1, transfer.multiple)
        if transfer.multiple:
            await self.set_multiple(transfer.multiple)
            code = WRITE_MULTIPLE if transfer.write else READ_MULTIPLE
        else:
            code = WRITE if transfer.write else READ
        self.begin(code, transfer.lba, count)
        moved = bytearray()
        for done in range(0, count, block):
            await self.ready(0x58, irq=not transfer.write or done > 0)
            for _ in range(min(block, count - done) * SECTOR // 2):
                at = len(moved)
                if transfer.what is not None and at == 2 * transfer.when:
                    await self.happen(transfer.what)
                word = int.from_bytes(content[at : at + 2], "little")
                if transfer.write:
                    self.ports.write(0x1F0, word, width=2)
                else:
                    word = self.ports.read(0x1F0, width=2)
                moved += word.to_bytes(2, "little")
        await self.ready(0x50, irq=transfer.write)
        return bytes(moved)


@given(st.lists(transfers, max_size=5), st.booleans())
def test_a_disk_holds_what_was_written_whatever_happens_meanwhile(
    script: list[Transfer], with_overlay: bool
) -> None:
    async def scenario() -> None:
        async with open_backplane(VirtualClock().machine) as backplane:
            slot = await backplane.insert(Ide())
            with open_medium(image, overlay=overlay if with_overlay else None) as medium:
                slot.disks[0].change(medium)
                host = Host(backplane, slot)
                for number, transfer in enumerate(script):
                    count = min(transfer.count, SIZE - transfer.lba)
                    place = slice(transfer.lba * SECTOR, (transfer.lba + count) * SECTOR)
                    if transfer.write:
                        model[place] = bytes((number + n * 7) & 0xFF for n in range(count * SECTOR))
                    assert await host.perform(transfer, bytes(model[place])) == model[place]
                    assert slot.disks[0].read(0, SIZE) == model
                slot.disks[0].change(None)
        with open_medium(image, overlay=overlay if with_overlay else None) as medium:
            assert medium.read(0, SIZE) == model

    with tempfile.TemporaryDirectory() as folder:
        image, overlay = Path(folder, "image"), Path(folder, "overlay")
        model = bytearray(n & 0xFF for n in range(SIZE * SECTOR))
        image.write_bytes(model)
        trio.run(scenario)


async def test_a_command_given_to_a_frozen_drive_is_carried_out_after_the_thaw(
    backplane: Backplane, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"x" * SECTOR * SIZE)
    slot = await backplane.insert(Ide())
    with open_medium(tmp_path / "image") as medium:
        slot.disks[0].change(medium)
        host = Host(backplane, slot)
        await backplane.quiesce(each=1, total=1)
        host.begin(READ, 3, 1)
        await settle()
        assert host.ports.read(0x3F6) == 0x80
        for _ in range(1000):  # however often: there is no queue to overflow
            host.ports.write(0x3F6, 4)
            host.ports.write(0x3F6, 0)
        backplane.thaw()
        await settle()
        assert host.ports.read(0x3F6) == 0x50
        host.begin(READ, 3, 1)
        await host.ready(0x58)
        assert slot.fault is None


@pytest.mark.parametrize("words", [0, 100, 256])
async def test_a_reset_in_the_middle_of_a_write_leaves_whole_sectors(
    backplane: Backplane, tmp_path: Path, words: int
) -> None:
    (tmp_path / "image").write_bytes(b"o" * SECTOR * SIZE)
    slot = await backplane.insert(Ide())
    with open_medium(tmp_path / "image") as medium:
        slot.disks[0].change(medium)
        host = Host(backplane, slot)
        host.begin(WRITE, 0, 3)
        await settle()
        for n in range(256 + words):
            host.ports.write(0x1F0, 0x6E6E, width=2)
            if n == 255:
                await settle()
        await settle()
        host.ports.write(0x3F6, 4)
        host.ports.write(0x3F6, 0)
        await host.ready(0x50, irq=False)
        new = 2 if words == 256 else 1
        assert medium.read(0, 3) == b"n" * new * SECTOR + b"o" * (3 - new) * SECTOR


async def test_a_drive_stays_busy_while_its_disk_holds_as_much_as_it_may(
    backplane: Backplane, tmp_path: Path
) -> None:
    image = tmp_path / "image"
    image.write_bytes(bytes(SIZE * SECTOR))
    slot = await backplane.insert(Ide())
    with open_medium(image) as medium:
        slot.disks[0].change(medium)
        slot.disks[0].held_max = 1
        host = Host(backplane, slot)
        backplane.hold_streams()
        assert await host.perform(Transfer(write=True, multiple=0, lba=0, count=1), b"a" * SECTOR)
        host.begin(WRITE, 1, 1)
        await host.ready(0x58, irq=False)
        for _ in range(SECTOR // 2):
            host.ports.write(0x1F0, 0x6262, width=2)
        await settle()
        assert host.ports.read(0x1F7) == 0x80
        backplane.release_streams()
        await host.ready(0x50)
        assert medium.read(0, 2) == b"a" * SECTOR + b"b" * SECTOR
