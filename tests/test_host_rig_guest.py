"""The rig on a machine with a guest: machine files, the screen, the keyboard, how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.machine_fault import MachineError
from hotswap.host.rig import ExpectationFailed, Rig, open_rig
from hotswap.host.rig.expectation import GuestTime
from hotswap.host.rig.opened import document, open_guest

SHOWS_KEYS = "e464 a801 74fa e460 3c1e 75f4 66c70500800b004107 ebeb"
"""1: in al,64h; test al,1; jz 1b; in al,60h; cmp al,1Eh (key A); jnz 1b; mov word [B8000h],0741h"""
ENDS = "b003 e6f4 ebfe"
"""mov al,3; out F4h,al; jmp ."""
CODE = {"shows_keys": SHOWS_KEYS, "ends": ENDS}


@pytest.fixture
def hotswap_machine(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    """A machine file for the code that the test's name begins with."""
    names = [name for name in CODE if f"test_{name}" in request.node.name]
    if not names:
        return None
    code = CODE[names[0]]
    (tmp_path / "guest.bin").write_bytes(bytes.fromhex(code))
    file = tmp_path / "pc.toml"
    file.write_text(
        "[machine]\nmemory = 4\nclock = 'real'\nrate = 1000000\n[display]\nto = 'terminal'\n"
        "[boot]\nflat = 'guest.bin'\naddress = 0x100000\n"
    )
    return file


async def test_shows_keys_that_are_pressed_on_its_screen(rig: Rig) -> None:
    with pytest.raises(ExpectationFailed, match=r"no 'A' on the screen within 8 ms .*\nit shows"):
        await rig.expect_screen("A", within="8 ms")
    rig.press_keys("xa")
    await rig.expect_screen("^A$", within="200 ms")
    assert rig.board.config.deterministic  # whatever the file says
    await rig.expect_irq(1, within="1 ms")


async def test_ends_before_what_is_expected(rig: Rig) -> None:
    with pytest.raises(
        ExpectationFailed, match=r"no 'x' from uart .*; the guest ended with status 13"
    ):
        await rig.expect_serial("x", within="1 s")
    with pytest.raises(ExpectationFailed, match="but the guest ended"):
        await rig.expect_no_irq(5, within="1 s")
    with pytest.raises(ExpectationFailed, match="do not pass"):
        await rig.pass_time("1 s")


async def test_without_a_guest_no_time_passes_and_it_says_so() -> None:
    async with open_board(BoardConfig(memory=4, deterministic=True)) as board:
        time = GuestTime(board.backplane.clock, lambda: board.processor.running, board.ended)
        async with open_rig(board.backplane, time, board=board) as rig:
            with pytest.raises(RuntimeError, match="no guest runs on this board"):
                await rig.pass_time("1 ms")


def test_a_document_for_a_test_has_its_clock_and_no_terminal() -> None:
    tables = {"machine": {"memory": 4, "clock": "real"}, "display": {"to": "terminal"},
              "serial": [{}, {"to": "stdio", "irq": 5}, {"to": "none"}]}  # fmt: skip
    assert document(tables, "virtual") == {
        "machine": {"memory": 4, "clock": "instructions"},
        "serial": [{"to": "memory"}, {"to": "memory", "irq": 5}, {"to": "none"}],
    }
    assert document({}, "real")["machine"] == {"clock": "real"}


async def test_what_is_wrong_with_a_machine_is_said_as_ever(tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=r"boot\.kernel.*No such file"):
        async with open_guest({"boot": {"kernel": "nothing"}}, "virtual", tmp_path):
            pass
