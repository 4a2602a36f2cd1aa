"""Stray writes from SWITCH to ACK RESUMED: the audit finds each, the guard names who it was."""

import struct
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from hotswap.host.board import Board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import crashing, refkernel
from hotswap.host.prove.stubs import store
from hotswap.switchover import stray as module
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import Refused, RolledBack
from hotswap.switchover.image import KernelImage, load_image
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.protocol import BootMode
from hotswap.switchover.records import FrameKind
from hotswap.switchover.report import PhaseEvent, Report
from hotswap.switchover.savemap import read
from hotswap.switchover.symbols import function_at

from .conftest import MS
from .faults import STUB

STRAY = Path(__file__).parents[1] / "guests" / "refkernel-v2-stray.elf"
PROGRAMS = ("memory:2", "files:2")
WORD = struct.Struct("<I")
AFTER_R1 = [Phase.SWITCH, Phase.DECODE, Phase.NEWINIT, Phase.ECHO, Phase.COMMIT]


def storing(address: int, value: int) -> bytes:
    """mov dword [address],value; jmp ."""
    return b"\xc7\x05" + WORD.pack(address) + WORD.pack(value) + b"\xeb\xfe"


class Attempt:
    """A switchover to `image` that is to be rolled back; `code` is run as `at` begins."""

    def __init__(self, guest: Guest, image: KernelImage, mode: int = 2) -> None:
        self.board, self.image, self.mode = guest.board, image, BootMode(mode)
        self.at, self.code, self.write = Phase.NEWINIT, b"", b""
        self.fault: Callable[[Board], None] = lambda board: None
        self.transaction: Switchover

    async def report(self, *, guard: bool) -> Report:
        options = Options(mode=self.mode, probation_ms=100, patience=PATIENCE, guard=guard)

        def tell(event: PhaseEvent) -> None:
            if (event.phase, event.state) == (self.at.name, "begun"):
                if self.code:
                    self.board.processor.write_memory(STUB, self.code)
                    self.board.processor.flat32(STUB, STUB)
                self.fault(self.board)
                if self.write:
                    self.board.processor.write_memory(0x20, self.write, by="fdc")

        self.transaction = Switchover(self.board.machine, self.image, options, tell)
        with pytest.raises(RolledBack) as caught:
            await self.transaction.run()
        return caught.value.report


async def booted(guest: Guest) -> Guest:
    guest.boot(PROGRAMS)
    await guest.pass_time(20 * MS)
    return guest


async def goes_on(guest: Guest) -> None:
    assert {verdict.split()[0] for verdict in (await guest.reported()).values()} == {"ok"}


async def test_the_guard_names_function_address_value_and_whose_memory_it_was(guest: Guest) -> None:
    attempt = Attempt(await booted(guest), image := load_image(STRAY))
    report = await attempt.report(guard=True)
    assert report.phase == "NEWINIT"
    assert report.fault_of == "new kernel"
    stray = report.stray
    assert stray is not None
    assert function_at(image, stray.eip) == stray.function
    assert stray.function.startswith("restore")
    frames = [f for f in read(attempt.transaction.map).frame if f.paddr <= stray.physical]
    owner = max(frames, key=lambda frame: frame.paddr)
    linear = stray.physical - owner.paddr + owner.vaddr
    assert stray.frame == f"memory of pid {owner.pid} at {linear:#x}"
    before = guest.board.processor.read_memory(stray.physical, 4)  # it has been put back
    assert WORD.unpack(bytes.fromhex(stray.value))[0] == WORD.unpack(before)[0] ^ 1
    for told in (stray.function, f"{stray.eip:#x}", f"{stray.address:#x}", stray.frame, "4 bytes"):
        assert told in report.reason
    await goes_on(guest)


async def test_the_old_kernel_writes_freely_after_a_rollback_for_another_reason(
    guest: Guest,
) -> None:
    report = await Attempt(await booted(guest), crashing(refkernel(2))).report(guard=True)
    assert report.stray is None
    assert "triple fault" in report.reason
    assert not guest.board.processor.engine.core.parameters.guarded
    await goes_on(guest)


async def test_the_audit_finds_it_without_the_guard_and_says_whose_memory(guest: Guest) -> None:
    report = await Attempt(await booted(guest), load_image(STRAY)).report(guard=False)
    assert report.phase == "COMMIT"
    assert report.stray is None
    assert "memory of pid" in report.reason
    assert "--guard names the instruction" in report.reason
    await goes_on(guest)


@pytest.mark.parametrize("mode", [0, 1, 2])
async def test_a_kernel_that_writes_where_it_may_is_not_disturbed_by_the_guard(
    guest: Guest, mode: int
) -> None:
    options = Options(mode=BootMode(mode), probation_ms=50, patience=PATIENCE, guard=True)
    await booted(guest)
    report = await Switchover(guest.board.machine, refkernel(2), options).run()
    assert (report.outcome, report.stray) == ("committed", None)
    assert not guest.board.processor.engine.core.parameters.guarded
    await goes_on(guest)


WHERE: dict[str, Callable[[Board], int]] = {
    "low vectors": lambda board: 0x4FC,
    "STAGE": lambda board: board.machine.plan.stage.lo + 0x1000,
    "adapter area": lambda board: 0xC8000,
    "memory of no process": lambda board: 0x90000,
}


@pytest.mark.parametrize("guarded", [True, False], ids=["guard", "audit"])
@pytest.mark.parametrize("place", WHERE)
async def test_a_write_to_what_is_no_processs_is_found_too(
    guest: Guest, place: str, guarded: bool
) -> None:
    attempt = Attempt(await booted(guest), refkernel(2))
    at = WHERE[place](guest.board)
    before = WORD.unpack(guest.board.processor.read_memory(at, 4))[0]
    attempt.code = storing(at, before ^ 0x5A5A5A5A)
    if guarded:
        report = await attempt.report(guard=True)
        assert report.stray is not None
        assert (report.stray.eip, report.stray.physical, report.stray.frame) == (STUB, at, place)
    else:
        attempt.at, attempt.code = Phase.ECHO, b""
        guest.board.processor.write_memory(at, WORD.pack(before), by="test")
        report = await _with_a_host_write(attempt, at, before ^ 0x5A5A5A5A)
        assert place in report.reason
    await goes_on(guest)


async def _with_a_host_write(attempt: Attempt, at: int, value: int) -> Report:
    options = Options(probation_ms=100, patience=PATIENCE)

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.ECHO.name, "begun"):
            attempt.board.processor.write_memory(at, WORD.pack(value))

    with pytest.raises(RolledBack) as caught:
        await Switchover(attempt.board.machine, attempt.image, options, tell).run()
    return caught.value.report


@pytest.mark.parametrize("guarded", [True, False], ids=["guard", "audit"])
@pytest.mark.parametrize("phase", AFTER_R1, ids=lambda phase: phase.name)
async def test_a_store_of_a_guest_that_goes_on_is_undone_up_to_ack_resumed(
    guest: Guest, phase: Phase, guarded: bool
) -> None:
    attempt = Attempt(await booted(guest), refkernel(2))
    examined = await guest.examine()
    page = next(frame.paddr for frame in examined.map.frame if frame.kind == FrameKind.PRIVATE)
    before = guest.board.processor.read_memory(page, 1)[0]
    attempt.at, attempt.fault = phase, lambda board: store(board, page, before ^ 1)
    report = await attempt.report(guard=guarded)
    assert report.phase == (phase.name if guarded else "COMMIT")
    assert "memory of pid" in report.reason
    if guarded:
        assert report.stray is not None
        assert (report.stray.physical, report.stray.value) == (page, f"{before ^ 1:02x}")
        assert f"{report.stray.eip & 0xFFFFFF:#x}" == f"{STUB:#x}"
    else:
        assert report.user_pages_copied == 1
    await goes_on(guest)


async def test_a_card_that_writes_when_it_is_thawed_is_not_astray(guest: Guest) -> None:
    await booted(guest)
    board, written = guest.board, []
    thaw = board.slot("cmos").thaw

    def thawed() -> None:
        thaw()
        board.processor.write_memory(0x90000, b"\x01", by="cmos")
        written.append(board.processor.asked)

    board.slot("cmos").thaw = thawed  # type: ignore[method-assign]
    options = Options(probation_ms=50, patience=PATIENCE, guard=True)
    report = await Switchover(board.machine, refkernel(2), options).run()
    assert (report.outcome, written) == ("committed", [True])  # and no process had run
    await goes_on(guest)


async def test_the_recorder_behind_the_vectors_may_be_written(guest: Guest) -> None:
    attempt = Attempt(await booted(guest), refkernel(2))
    attempt.code = b"\xc6\x05" + WORD.pack(0x500) + b"\x01" + storing(0x4FF, 7)
    report = await attempt.report(guard=True)
    assert report.stray is not None
    assert (report.stray.physical, report.stray.size) == (0x4FF, 4)


async def test_a_card_that_writes_is_named(guest: Guest) -> None:
    attempt = Attempt(await booted(guest), refkernel(2))
    attempt.write = b"\x01\x02"
    report = await attempt.report(guard=True)
    assert report.stray is not None
    assert report.stray.by == "fdc"
    assert "fdc, on behalf of" in report.reason
    assert "0x201 (2 bytes) to 0x20, physical 0x20: low vectors" in report.reason


async def test_where_there_is_no_guard_it_is_refused_before_anything_is_touched(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    await booted(guest)
    monkeypatch.setattr(guest.board.processor.guard, "missing", "fast stores are switched off")
    options = Options(guard=True)
    with pytest.raises(Refused, match="no write guard here: fast stores are switched off"):
        await Switchover(guest.board.machine, refkernel(2), options).run()


def test_a_kernel_without_symbols_has_no_names() -> None:
    image = refkernel(2)
    assert image.note is not None
    bare = msgspec.structs.replace(image, elf=b"")
    assert function_at(bare, image.note.entry_switch) == ""
    damaged = msgspec.structs.replace(image, elf=image.elf[:200])
    assert function_at(damaged, image.note.entry_switch) == ""


@pytest.mark.parametrize("checksums", [True, False])
async def test_checksums_look_at_every_byte_whatever_the_page_map_says(
    guest: Guest, monkeypatch: pytest.MonkeyPatch, checksums: bool
) -> None:
    attempt = Attempt(await booted(guest), load_image(STRAY))
    monkeypatch.setattr(module, "stray_writes", lambda dirty, allowed: [])
    options = Options(probation_ms=0, patience=PATIENCE, frame_crcs=checksums)
    attempt.transaction = Switchover(guest.board.machine, attempt.image, options)
    if checksums:
        with pytest.raises(RolledBack, match=r"memory of pid \d+ at 0x\w+ has changed since R1"):
            await attempt.transaction.run()
    else:
        await attempt.transaction.run()
