"""Programs in the middle of something the CPU does: single steps, REP MOVS, a waiting x87 fault."""

import pytest

from hotswap.host.guest import Guest
from hotswap.host.images import shipped
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.records import Regs
from hotswap.switchover.savemap import read

from .conftest import MS, Survive

TF, ZERO_DIVIDE, UNMASKED = 0x100, 0x04, 0x037B
LOADED_AT = 0x08048000


def at_save(data: bytes, name: bytes) -> Regs:
    """The registers of a program in a map."""
    (found,) = (proc for proc in read(data).proc if proc.name == name)
    return found.regs


def program(name: str) -> bytes:
    """A program's file, which is loaded as it is at `LOADED_AT`."""
    archive = shipped("initrd.cpio")
    at = archive.index(f"bin/{name}\0".encode())
    return archive[archive.index(b"\x7fELF", at) :]


async def test_a_copy_of_many_pages_by_one_instruction_is_whole(survive: Survive) -> None:
    assert (await survive("copier:40", kernels=(2, 1, 2)))["copier"].startswith("ok")


@pytest.mark.parametrize("start", [1, 2])
async def test_an_x87_exception_that_waits_is_raised_by_the_next_instruction(
    start: int, guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["x87trap:250:1"], version=start)
    await guest.pass_time(60 * MS)
    for kernel in (3 - start, start):
        assert (await switchover(kernel)).outcome == "committed"
        (found,) = (p for p in (await guest.examine()).map.proc if p.name == b"x87trap")
        assert found.fpu[0:2] == UNMASKED.to_bytes(2, "little")
        assert found.fpu[4] & ZERO_DIVIDE, "nothing waits any more"
    assert (await guest.reported())["x87trap"].startswith("ok")


REP = {1: (b"\xf3\xa4", 1 << 20), 2: (b"\xf3\xab", 1 << 18), 3: (b"\xf3\xa6", 1 << 20)}


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("what", REP, ids=["movsb", "stosd", "cmpsb"])
async def test_a_half_done_string_instruction_goes_on_where_it_was(
    what: int, start: int, guest: Guest, switchover: SwitchKernel, maps: list[bytes]
) -> None:
    opcode, count = REP[what]
    code = program("repeater")
    guest.boot([f"repeater:{what}:{(80 << 20) // count}"], version=start)
    await guest.expect("begins")
    for kernel in (3 - start, start):
        await guest.pass_time(20 * MS)
        assert (await switchover(kernel)).outcome == "committed"
        regs = at_save(maps[-1], b"repeater")
        assert code[regs.eip - LOADED_AT :].startswith(opcode), "not at the instruction"
        assert 0 < regs.ecx < count, "not begun, or done"
    assert (await guest.reported())["repeater"].startswith("ok")


@pytest.mark.parametrize("start", [1, 2])
async def test_an_instruction_that_was_about_to_be_stepped_is_stepped(
    start: int, guest: Guest, switchover: SwitchKernel, maps: list[bytes]
) -> None:
    guest.boot(["stepper:300"], version=start)
    met = False
    for turn in range(40):  # it steps most of the time, but not always
        await guest.pass_time((5 + turn % 7) * MS)
        assert (await switchover(3 - start if turn % 2 == 0 else start)).outcome == "committed"
        met |= bool(at_save(maps[-1], b"stepper").eflags & TF)
        if met and turn % 2:
            break
    assert met, "no switchover has met TF"
    assert (await guest.reported())["stepper"].startswith("ok")
