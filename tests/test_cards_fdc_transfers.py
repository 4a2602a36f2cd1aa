"""Whole transfers against a model of the diskette, by DMA and without, through freezes and
rollbacks in the middle; and diskettes that other programs have made."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

import msgspec
import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st

from hotswap.bus import SECTOR, Backplane, open_backplane
from hotswap.cards.dma import Dma
from hotswap.cards.fdc import Fdc, FdcSettings
from hotswap.cpu import Processor, Ram, RealTime
from hotswap.host.media import open_medium
from hotswap.host.pytest_plugin import Ports, VirtualClock

DOR, MSR, FIFO, CCR = 0x3F2, 0x3F4, 0x3F5, 0x3F7
RQM, DIO, NON_DMA, CMD_BSY = 0x80, 0x40, 0x20, 0x10
SPECIFY, RECALIBRATE, SENSE, SEEK, READ, WRITE = 0x03, 0x07, 0x08, 0x0F, 0xE6, 0xC5
TRACK, CYLINDER = 9, 18  # 720K
SIZE = 1440
FEW = 3
BURST = 16
"""Bytes moved for one look at the MSR."""
BUFFER, ELSEWHERE = 0x20000, 0x30000
FREEZE, ROLL_BACK = "freeze", "roll back"


def sector(version: int, lba: int) -> bytes:
    return (version << 16 | lba).to_bytes(4, "little") * (SECTOR // 4)


class Transfer(msgspec.Struct, frozen=True):
    """One command, and what happens to the board after `when` of its sectors."""

    write: bool
    dma: bool
    lba: int
    count: int
    what: str | None = None
    when: int = 0

    @property
    def sectors(self) -> int:
        """As many as one command moves: to the end of the cylinder; without DMA a few."""
        if self.dma:
            return min(self.count, CYLINDER - self.lba % CYLINDER)
        return min(self.count, FEW, TRACK - self.lba % TRACK)


transfers = st.builds(
    Transfer,
    write=st.booleans(),
    dma=st.booleans(),
    lba=st.integers(0, SIZE - 1),
    count=st.integers(1, CYLINDER),
    what=st.sampled_from([None, FREEZE, ROLL_BACK]),
    when=st.integers(0, 2 * CYLINDER),
)


class Host:
    """A driver that goes by the interrupts, on a board with a DMA controller."""

    def __init__(self, clock: VirtualClock, backplane: Backplane, fdc: Fdc) -> None:
        self.clock, self.backplane, self.fdc = clock, backplane, fdc
        self.ports = Ports(backplane)
        self.memory = Processor(Ram(1 << 20), backplane, RealTime())

    def out(self, *whole: int) -> None:
        for byte in whole:
            assert self.ports.read(MSR) & (RQM | DIO) == RQM
            self.ports.write(FIFO, byte)

    def result(self) -> list[int]:
        found = []
        while self.ports.read(MSR) & (DIO | CMD_BSY | NON_DMA) == DIO | CMD_BSY:
            found.append(self.ports.read(FIFO))
        return found

    async def pass_time(self) -> None:
        """Up to the next alarm; then the DMA controller has its turn."""
        deadline = self.clock.machine.next_deadline()
        await self.clock.advance(0 if deadline is None else max(0, deadline - self.clock.now))
        self.backplane.settle_order()

    async def interrupt(self) -> None:
        while not self.fdc.slot.irq.level:
            await self.pass_time()

    async def start(self, drive: int = 0) -> None:
        self.ports.write(DOR, 0)
        self.ports.write(DOR, 0x3C | drive)
        await self.interrupt()
        for _ in range(4):
            self.out(SENSE)
            self.result()
        self.ports.write(CCR, 2)
        self.out(RECALIBRATE, drive)
        await self.interrupt()
        self.out(SENSE)
        assert self.result() == [0x20 | drive, 0]

    def program_dma(self, write: bool, size: int, address: int = BUFFER) -> None:
        values = (
            (0x0A, 6), (0x0C, 0), (0x0B, 0x4A if write else 0x46), (4, 0), (4, 0),
            (0x81, address >> 16), (5, size - 1 & 0xFF), (5, size - 1 >> 8), (0x0A, 2),
        )  # fmt: skip
        for port, value in values:
            self.ports.write(port, value)

    async def happen(self, what: str | None) -> None:
        """Freeze and thaw; or go on with something else and take it all back."""
        if what is None:
            return
        await self.backplane.quiesce(each=1, total=1)
        if what == ROLL_BACK:
            saved, now = self.backplane.snapshot(), self.clock.now
            self.backplane.hold_streams()
            self.backplane.thaw()
            await self.start()
            await self.command(True, True, 700, ELSEWHERE, 4)
            await self.backplane.quiesce(each=1, total=1)
            self.backplane.restore(saved)
            self.backplane.rewind_streams()
            self.backplane.release_streams()
            self.clock.now = now
        self.backplane.thaw()

    async def command(
        self, write: bool, dma: bool, lba: int, address: int, count: int, drive: int = 0
    ) -> None:
        """Seek, program the DMA controller, write the command."""
        cylinder, within = divmod(lba, CYLINDER)
        head, r = divmod(within, TRACK)
        self.out(SPECIFY, 0xDF, 0x02 if dma else 0x03)
        self.out(SEEK, drive, cylinder)
        await self.interrupt()
        self.out(SENSE)
        assert self.result() == [0x20 | drive, cylinder]
        if dma:
            self.program_dma(write, count * SECTOR, address)
        eot = TRACK if dma else r + count
        code = WRITE if write else READ
        flags = 0x80 if dma else 0
        self.out(code & ~0x80 | flags, head << 2 | drive, cylinder, head, r + 1, 2, eot, 0x2A, 0xFF)

    async def perform(self, transfer: Transfer, content: bytes) -> bytes:
        """Move `content`, or read as much."""
        count, when = transfer.sectors, transfer.when
        self.memory.write_memory(BUFFER, content if transfer.write else bytes(count * SECTOR))
        await self.command(transfer.write, transfer.dma, transfer.lba, BUFFER, count)
        moved = bytearray()
        for step in range(1000):
            if step == when:
                await self.happen(transfer.what)
            while self.ports.read(MSR) & (RQM | NON_DMA) == RQM | NON_DMA:
                for byte in content[len(moved) : len(moved) + BURST]:
                    if transfer.write:
                        self.ports.write(FIFO, byte)
                    moved.append(byte if transfer.write else self.ports.read(FIFO))
                if len(moved) == 3 * BURST * when:
                    await self.happen(transfer.what)
            await self.pass_time()
            if self.fdc.slot.irq.level and not self.ports.read(MSR) & NON_DMA:
                break
        st0, st1, st2, *chrn = self.result()
        assert not self.fdc.slot.irq.level
        # without DMA nobody drives TC
        assert (st0 & 0xC0, st1, st2) == ((0, 0, 0) if transfer.dma else (0x40, 0x80, 0))
        # and the ID stays that of the last sector; else it is that of the next
        named = transfer.lba + count - (not transfer.dma)
        assert chrn == [named // CYLINDER, named // TRACK % 2, named % TRACK + 1, 2]
        return self.memory.read_memory(BUFFER, count * SECTOR) if transfer.dma else bytes(moved)


async def open_host(backplane: Backplane, clock: VirtualClock, *kinds: str) -> Host:
    fdc = Fdc(FdcSettings(list(kinds)))  # type: ignore[arg-type]
    host = Host(clock, backplane, fdc)
    await backplane.insert(Dma())
    await backplane.insert(fdc)
    return host


@given(st.lists(transfers, max_size=3), st.booleans())
@example(
    [Transfer(True, True, 5, 13, ROLL_BACK, 9), Transfer(False, False, 9, 9, FREEZE, 7)], False
)
def test_a_diskette_holds_what_was_written_whatever_happens_meanwhile(
    script: list[Transfer], with_overlay: bool
) -> None:
    async def scenario() -> None:
        clock = VirtualClock()
        async with open_backplane(clock.machine) as backplane:
            host = await open_host(backplane, clock, "720K")
            with open_medium(image, overlay=overlay if with_overlay else None) as medium:
                disk = host.fdc.slot.disks[0]
                disk.change(medium)
                await host.start()
                for number, transfer in enumerate(script):
                    start, end = transfer.lba, transfer.lba + transfer.sectors
                    place = slice(start * SECTOR, end * SECTOR)
                    if transfer.write:
                        model[place] = b"".join(sector(number, n) for n in range(start, end))
                    assert await host.perform(transfer, bytes(model[place])) == model[place]
                    assert disk.read(0, SIZE) == model
                disk.change(None)
        with open_medium(image, overlay=overlay if with_overlay else None) as medium:
            assert medium.read(0, SIZE) == model

    with tempfile.TemporaryDirectory() as folder:
        image, overlay = Path(folder, "image"), Path(folder, "overlay")
        model = bytearray(b"".join(sector(0xFFFF, n) for n in range(SIZE)))
        image.write_bytes(model)
        trio.run(scenario)


async def test_a_count_that_ends_within_a_sector_reads_that_much_and_writes_zeros_after_it(
    backplane: Backplane, virtual_clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"o" * SECTOR * SIZE)
    host = await open_host(backplane, virtual_clock, "720K")
    with open_medium(tmp_path / "image") as medium:
        host.fdc.slot.disks[0].change(medium)
        await host.start()
        host.program_dma(False, 700)
        host.out(READ, 0, 0, 0, 1, 2, 9, 0x2A, 0xFF)
        await host.interrupt()
        assert host.result() == [0, 0, 0, 0, 0, 3, 2]
        assert host.memory.read_memory(BUFFER, 1024) == b"o" * 700 + bytes(324)
        host.memory.write_memory(BUFFER, b"n" * 1024)
        host.program_dma(True, 700)
        host.out(WRITE, 0, 0, 0, 1, 2, 9, 0x2A, 0xFF)
        await host.interrupt()
        assert host.result() == [0, 0, 0, 0, 0, 3, 2]
        assert medium.read(0, 3) == b"n" * 700 + bytes(324) + b"o" * 512


async def test_a_count_beyond_the_end_of_the_cylinder_ends_there(
    backplane: Backplane, virtual_clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"o" * SECTOR * SIZE)
    host = await open_host(backplane, virtual_clock, "720K")
    with open_medium(tmp_path / "image") as medium:
        host.fdc.slot.disks[0].change(medium)
        await host.start()
        host.program_dma(False, 4 * SECTOR)
        host.out(READ, 4, 0, 1, 8, 2, 9, 0x2A, 0xFF)
        await host.interrupt()
        assert host.result() == [0x44, 0x80, 0, 0, 1, 9, 2]
        assert host.memory.read_memory(BUFFER, 2048) == b"o" * 1024 + bytes(1024)


async def test_a_transfer_nobody_acknowledges_ends_in_an_overrun(
    backplane: Backplane, virtual_clock: VirtualClock, tmp_path: Path
) -> None:
    (tmp_path / "image").write_bytes(b"o" * SECTOR * SIZE)
    host = await open_host(backplane, virtual_clock, "720K")
    with open_medium(tmp_path / "image") as medium:
        host.fdc.slot.disks[0].change(medium)
        await host.start()
        host.ports.write(0x0A, 6)
        host.out(READ, 0, 0, 0, 1, 2, 9, 0x2A, 0xFF)
        await virtual_clock.advance(10_000_000)
        assert host.fdc.slot.drq.level
        host.ports.write(DOR, 0x34)  # DMAGATE
        assert not host.fdc.slot.drq.level
        host.ports.write(DOR, 0x3C)
        assert host.fdc.slot.drq.level
        await host.interrupt()
        assert host.result() == [0x40, 0x10, 0, 0, 0, 1, 2]
        assert not host.fdc.slot.drq.level


async def test_diskettes_of_mtools_are_copied_through_the_controller(
    backplane: Backplane, virtual_clock: VirtualClock, tmp_path: Path
) -> None:
    if shutil.which("mformat") is None:
        pytest.skip("NOT TESTED: mtools is missing, so no diskette of its making was copied")
    text = "".join(f"line {n}\n" for n in range(9000))
    (tmp_path / "text").write_text(text)
    source, target = tmp_path / "source", tmp_path / "target"

    def mtools(*command: str) -> str:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    mtools("mformat", "-C", "-f", "720", "-v", "COPIED", "-i", str(source), "::")
    mtools("mcopy", "-i", str(source), str(tmp_path / "text"), "::LINES.TXT")
    target.write_bytes(bytes(SIZE * SECTOR))
    host = await open_host(backplane, virtual_clock, "720K", "1.44M")
    with open_medium(source, read_only=True) as first, open_medium(target) as second:
        for disk, medium in zip(host.fdc.slot.disks, (first, second), strict=True):
            disk.change(medium)
        await host.start(1)
        await host.start(0)
        for lba in range(0, SIZE, CYLINDER):
            for drive in (0, 1):
                host.ports.write(DOR, 0x3C | drive)
                await host.command(bool(drive), True, lba, BUFFER, CYLINDER, drive)
                await host.interrupt()
                assert host.result()[:3] == [0x04 | drive, 0, 0]
    assert "COPIED" in mtools("mdir", "-i", str(target), "::")
    assert mtools("mtype", "-i", str(target), "::LINES.TXT") == text
