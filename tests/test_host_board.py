"""The board as a whole: control while the guest spins, modes of the bootstrap seen on the bus."""

from pathlib import Path

import pytest
import trio

from hotswap.bus import HostWrite
from hotswap.host.board import Board, BoardConfig, Ended, open_board
from hotswap.host.control import Request, connect, serve_control
from hotswap.host.exits import Exit
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel
from hotswap.host.loader import Loaded
from hotswap.host.operator import answer_for
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.host.rom import PoweredOn
from hotswap.switchover.errors import Refused

MS = 1_000_000


async def test_a_control_request_is_answered_while_the_guest_is_in_jmp_self(
    tmp_path: Path,
) -> None:
    async with open_board(BoardConfig()) as board:
        board.processor.write_memory(0x100000, b"\xeb\xfe")
        board.processor.flat32(0x100000, 0x7000)
        board.nursery.start_soon(board.processor.run)
        await board.nursery.start(serve_control, tmp_path / "control", answer_for(board))
        with trio.fail_after(10):
            async with connect(tmp_path / "control") as ask:
                replies = [reply async for reply in ask(Request("info"))]
        assert replies[-1]["result"]["state"] == "running"


def host_writes(board: Board) -> set[str]:
    """Who but the guest wrote into the kernel range."""
    records = board.backplane.trace.records
    writes = [record for record in records if isinstance(record, HostWrite)]
    return {w.by for w in writes if w.address < 0x200000 and w.address + w.size > 0x100000}


@pytest.mark.parametrize(("mode", "writers"), [(0, set()), (1, set()), (2, {"switchover"})])
async def test_only_in_mode_2_does_the_host_write_the_new_kernel(
    guest: Guest, switchover: SwitchKernel, mode: int, writers: set[str]
) -> None:
    guest.boot(["registers:20"])
    await guest.pass_time(20 * MS)
    guest.board.backplane.io.trace(True)
    report = await switchover(2, mode=mode)
    assert report.outcome == "committed", report.reason
    assert host_writes(guest.board) == writers


async def test_a_machine_too_small_for_a_switchover_says_so() -> None:
    async with open_board(BoardConfig(memory=8, deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(["memory:1"])
        assert (await guest.reported())["memory"].startswith("ok")
        with pytest.raises(Refused, match="8 MiB"):
            _ = board.machine


# inc dword [200000h] ; cmp dword [200000h],3 ; jae done ; mov dword [100000h],0B0F0B0Fh ;
# mov al,0 ; out 92h,al ; inc ax ; out 92h,al ; jmp $ ; done: mov al,5 ; out 0F4h,al ; jmp $
RESETS = bytes.fromhex(
    "ff0500002000 833d0000200003 7314 c705000010000f0b0f0b b000 e692 6640 e692 ebfe b005 e6f4 ebfe"
)


@pytest.mark.parametrize("switchover", [False, True])
async def test_after_a_reset_without_a_bios_the_images_are_loaded_again(switchover: bool) -> None:
    """The guest overwrites its own first instruction, and switches A20 off, before it resets."""
    async with open_board(BoardConfig(deterministic=True, switchover=switchover)) as board:
        board.start(Loaded(((0x100000, RESETS),), 0x100000, 0x7000, {}))
        with trio.fail_after(10):
            assert await board.ended() == Ended(Exit.DEBUG_EXIT + 5)
        assert board.processor.read_memory(0x200000, 1) == b"\3"


async def test_a_machine_that_is_not_to_reboot_ends_with_its_reset() -> None:
    async with open_board(BoardConfig(deterministic=True, reboot=False)) as board:
        board.start(Loaded(((0x100000, RESETS),), 0x100000, 0x7000, {}))
        with trio.fail_after(10):
            assert await board.ended() == Ended(Exit.OK, "the guest reset the machine")
        assert board.processor.read_memory(0x200000, 1) == b"\1"


def resetting_bios(shutdown: int) -> bytes:
    """A BIOS that changes its shadow and resets once, then exits with what the shadow has."""
    code = (
        "31c08ed8"  # ds = 0
        "fe060005 803e000502 7413"  # the second time, on to the end
        f"2efe0600e1 b00fe670 b0{shutdown:02x}e671 b003e692 ebfe"  # inc cs:[E100h]; cell 0Fh; RESET
        "2ea000e1 e6f4 f4"
    )
    bios = bytearray(1 << 16)
    bios[0xE000 : 0xE000 + len(bytes.fromhex(code))] = bytes.fromhex(code)
    bios[0xFFF0:0xFFF5] = bytes.fromhex("ea00e000f0")  # jmp F000:E000
    return bytes(bios)


@pytest.mark.parametrize(("shutdown", "left"), [(0, Exit.OK), (5, Exit.DEBUG_EXIT + 1)])
async def test_after_a_reset_the_bios_has_its_shadow_anew_unless_it_is_to_go_on(
    shutdown: int, left: int
) -> None:
    """Cell 0Fh of the CMOS decides."""
    config = BoardConfig(deterministic=True, switchover=False)
    async with open_board(config) as board:
        bios = resetting_bios(shutdown)
        await board.plug_in("rom", {"content": bios})
        board.start(PoweredOn(((0xF0000, bios),)))
        with trio.fail_after(10):
            assert await board.ended() == Ended(left)


async def test_a_second_switchover_at_once_is_refused(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20 * MS)
    outcomes: list[str] = []

    async def one() -> None:
        outcomes.append((await switchover(2)).outcome)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(Refused, match="under way"):
            await switchover(2)
    assert outcomes == ["committed"]
    assert refkernel(2).name in guest.board.machine.kernel.name
