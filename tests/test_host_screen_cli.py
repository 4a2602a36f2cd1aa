"""`hotswap-host screen` as a user meets it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from hotswap.bus import BusError
from hotswap.host.board import Board
from hotswap.host.control import Request
from hotswap.host.exits import Exit
from hotswap.host.operator import answer_for
from hotswap.host.remote import ask

COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
TEXT = "c605 02800b00 41 c605 03800b00 1e ebfe"  # mov byte [B8002h],'A' ; mov byte [B8003h],1Eh
GRAPHICS = "66bace03 66b80601 66ef ebfe"  # mov dx,3CEh ; mov ax,106h ; out dx,ax

Start = Callable[[str], Path]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Run machine code on a PC: its control socket, once it is there."""
    running: list[subprocess.Popen[bytes]] = []

    def boot(code: str) -> Path:
        (tmp_path / "guest.bin").write_bytes(bytes.fromhex(code))
        (tmp_path / "machine.toml").write_text(
            '[boot]\nflat = "guest.bin"\naddress = 0x100000\n[[serial]]\nto = "none"\n'
        )
        control = tmp_path / "control"
        words = [COMMAND, "run", str(tmp_path / "machine.toml"), "--control", str(control)]
        running.append(subprocess.Popen(words))
        while not control.exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended with {running[0].wait(0.05)}")
        return control

    yield boot
    for process in running:
        process.kill()
        process.wait(60)


def screen(control: Path, *words: str) -> subprocess.CompletedProcess[str]:
    given = [COMMAND, "screen", "--control", str(control), *words]
    return subprocess.run(given, capture_output=True, text=True, timeout=60, check=False)


def test_text_is_printed_described_and_saved(start: Start, tmp_path: Path) -> None:
    control = start(TEXT)
    printed = screen(control)
    assert (printed.returncode, printed.stdout) == (Exit.OK, " A\n" + "\n" * 24)

    found = json.loads(screen(control, "--json").stdout)
    assert found["ok"]
    assert found["result"]["lines"][0] == " A"

    png = tmp_path / "screen.png"
    saved = screen(control, "--png", str(png))
    assert (saved.returncode, saved.stdout) == (Exit.OK, f"{png}: 720 by 400 pixels\n")
    with Image.open(png) as picture:
        assert picture.getpixel((9, 0)) == (0, 0, 170)

    refused = screen(control, "--png", str(tmp_path / "no" / "folder.png"))
    assert refused.returncode == Exit.FAILED
    assert "folder.png: No such file or directory; give another --png" in refused.stderr


def test_graphics_are_no_text_but_can_be_saved(start: Start, tmp_path: Path) -> None:
    control = start(GRAPHICS)
    while ask(control, Request("screen"))["result"]["mode"] == "text":
        pass  # until the guest has got there
    refused = screen(control)
    assert (refused.returncode, refused.stdout) == (Exit.FAILED, "")
    assert "the screen is a picture of 640 by 25 pixels; save it with --png" in refused.stderr
    assert screen(control, "--png", str(tmp_path / "screen.png")).returncode == Exit.OK
    with Image.open(tmp_path / "screen.png") as picture:
        assert picture.size == (640, 25)


async def test_a_machine_without_a_screen_says_so(board: Board) -> None:
    with pytest.raises(BusError, match="no card with a screen is plugged in; insert card `vga`"):
        await answer_for(board)(Request("screen"), lambda event: None)
