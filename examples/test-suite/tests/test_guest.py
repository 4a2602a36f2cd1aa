"""A guest on a whole PC: it boots, talks over the serial line, and meets a fault."""

import re
from pathlib import Path
from typing import Any

import pytest

from hotswap.bus.injection import Corrupt
from hotswap.host.rig import Rig

GREETS_AND_ECHOES = """
    be3b001000              mov esi, msg
    ac 84c0 7407            1: lodsb; test al, al; jz 2f
    e819000000 ebf4            call putc; jmp 1b
    66bafd03 ec a801 74f7   2: mov dx, 3FDh; in al, dx; test al, 1; jz 2b
    66baf803 ec 3420           mov dx, 3F8h; in al, dx; xor al, 20h
    e802000000 ebe9            call putc; jmp 2b
    88c4 66bafd03           putc: mov ah, al; mov dx, 3FDh
    ec a820 74fb            3: in al, dx; test al, 20h; jz 3b
    88e0 66baf803 ee c3        mov al, ah; mov dx, 3F8h; out dx, al; ret
    72656164790d0a00        msg: db 'ready', 13, 10, 0
"""


@pytest.fixture
def hotswap_machine(tmp_path: Path) -> dict[str, Any]:
    """The tables of a machine file: what `rig` is, in this file."""
    hexadecimal = re.findall(r"^ {4}((?:[0-9a-f]{2}| (?! ))+)", GREETS_AND_ECHOES, re.MULTILINE)
    (tmp_path / "guest.bin").write_bytes(bytes.fromhex("".join(hexadecimal)))
    return {
        "machine": {"memory": 4, "rate": 2_000_000},  # instructions a second: it only polls
        "boot": {"flat": str(tmp_path / "guest.bin"), "address": 0x100000},
    }


async def test_it_boots_and_talks(rig: Rig) -> None:
    await rig.expect_serial("^ready$", within="100 ms")
    rig.send_serial("Hello")
    await rig.expect_serial("hELLO", within="100 ms")


async def test_it_answers_each_byte_before_the_next(rig: Rig) -> None:
    await rig.expect_serial("ready\n", within="100 ms")
    rig.send_serial("ab")
    for letter in b"AB":
        await rig.expect_cycle(0x3F8, write=True, value=letter, within="10 ms")
    await rig.expect_no_cycle(0x3F8, within="10 ms")


async def test_noise_on_the_bus_garbles_what_it_says(rig: Rig) -> None:
    rig.inject(Corrupt(first=0x3F8, direction="out", value=ord("d"), xor=0x01))
    await rig.expect_serial("^reaey$", within="100 ms")


@pytest.mark.hotswap_machine(boot={"flat": "unused"}, clock="real")
async def test_in_real_time_it_talks_as_well(rig: Rig) -> None:
    await rig.expect_serial("ready", within="30 s")
