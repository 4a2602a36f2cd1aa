"""Cards in ELF files, in a machine file: found, checked with everything else, and run."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hotswap.host.assembly import Assembly, assemble
from hotswap.host.cables import open_cables
from hotswap.host.card_report import card_rows
from hotswap.host.exits import Exit
from hotswap.host.machine import open_machine
from hotswap.host.machine_fault import MachineError
from hotswap.host.machine_file import check

ROOT = Path(__file__).parents[1]
# mov dx, 3F8h; mov al, 'R'; out dx, al; mov al, 0; out F4h, al; hlt
REAL = bytes.fromhex("baf803 b052 ee b000 e6f4 f4")
START = 'serial = []\nboot = { flat = "guest" }\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "guest").write_bytes(REAL)
    (tmp_path / "build").mkdir()
    shutil.copy(ROOT / "examples" / "uart16550" / "uart16550.o", tmp_path / "build" / "uart.o")
    shutil.copy(ROOT / "examples" / "soundblaster" / "soundblaster.o", tmp_path / "sound.o")
    shutil.copy(ROOT / "examples" / "vlbscreen" / "vlbscreen.o", tmp_path / "screen.o")
    return tmp_path


def assembled(text: str, folder: Path) -> Assembly:
    return assemble(check(tomllib.loads(START + text), folder))


def faults(text: str, folder: Path) -> list[str]:
    with pytest.raises(MachineError) as error:
        assembled(text, folder)
    return [str(fault) for fault in error.value.faults]


def cards(text: str, folder: Path) -> Iterator[tuple[int, str, str, str]]:
    for plug in assembled(text, folder).cards:
        if plug.elf is not None:
            yield plug.slot, plug.card, plug.elf.name, plug.elf.sandbox


def test_its_path_is_relative_to_the_machine_file(folder: Path) -> None:
    text = '[[card]]\nname = "build/uart.o"\nslot = 40\n[[card]]\nname = "sound.o"\n'
    text += 'sandbox = "process"\n'
    (uart, sound) = cards(text, folder)
    assert uart == (40, "uart", "uart.o", "engine")
    assert sound[1:] == ("soundblaster", "sound.o", "process")


def test_everything_wrong_is_said_at_once(folder: Path) -> None:
    (folder / "bad.o").write_bytes(b"\x7fELF and no more")
    text = """
    [[card]]
    name = "none.o"
    [[card]]
    name = "bad.o"
    [[card]]
    name = "sound.o"
    settings = { nonsense = 1 }
    [[card]]
    name = "lpt"
    sandbox = "process"
    [[card]]
    name = "build/uart.o"
    sandbox = "jail"
    """
    found = faults(text, folder)
    for path, said in (
        ("card[0].name", "none.o: No such file or directory"),
        ("card[1].name", "bad.o: "),
        ("card[2].settings.nonsense", "card soundblaster has no such setting"),
        ("card[3].sandbox", "is for cards in ELF files"),
        ("card[4].sandbox", "allowed are engine, process"),
    ):
        assert [fault for fault in found if fault.startswith(path) and said in fault], found
    assert len(found) == 5


def test_it_conflicts_as_any_card_does(folder: Path) -> None:
    text = '[[card]]\nname = "build/uart.o"\n' * 5
    text += '[[card]]\nname = "lpt"\nslot = 1\n[[card]]\nname = "sound.o"\nslot = 1\n'
    found = faults(text, folder)
    assert any("alternatives is free: ports 0x03f8-0x03ff" in fault for fault in found), found
    assert any("is in this slot" in fault for fault in found), found


def test_a_screen_in_machine_code_is_one(folder: Path) -> None:
    text = "display = { to = 'terminal' }\nmachine = { cards = 'plain' }\n"
    assert any("no card has a screen" in fault for fault in faults(text, folder))
    assembled(f"{text}[[card]]\nname = 'screen.o'\n", folder)


async def test_a_guest_prints_on_a_16550_in_c(folder: Path) -> None:
    text = "machine = { clock = 'instructions' }\n"
    text += "[[card]]\nname = 'build/uart.o'\nto = 'out'\n"
    assembly = assembled(text, folder)
    async with open_machine(assembly, await open_cables(assembly.cables)) as board:
        with trio.fail_after(100):
            assert (await board.ended()).status == Exit.OK
        await board.drain(5)
        assert [row.implementation for row in card_rows(board) if row.name == "uart"] == ["elf"]
    assert (folder / "out").read_bytes() == b"R"
