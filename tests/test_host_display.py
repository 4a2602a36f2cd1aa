"""A machine in a terminal, in this process; then whole, with SeaBIOS and a user who types."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from PIL import Image

from hotswap.bus import BusError, Card, PixelScreen, Resources, State
from hotswap.host import display
from hotswap.host.assembly import assemble
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.control import Request
from hotswap.host.display import serve_display
from hotswap.host.exits import Exit
from hotswap.host.keys import text
from hotswap.host.loader import Loaded
from hotswap.host.loader_flat import load_flat
from hotswap.host.machine_fault import MachineError
from hotswap.host.machine_file import check
from hotswap.host.remote import ask
from hotswap.host.rom import FOLDERS, VBE_BIOS, VGA_BIOS
from hotswap.host.terminal import LEAVE, Terminal, TerminalError

from .terminal_user import TerminalUser

COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
COUNTING = "fe0500800b00 ebf8"  # inc byte [B8000h] ; jmp
RAM = 64 << 20

needs_roms = pytest.mark.skipif(
    not all(any((folder / rom).exists() for folder in FOLDERS) for rom in (VBE_BIOS, VGA_BIOS)),
    reason="SeaBIOS is not installed (Debian: seabios)",
)


@pytest.fixture
def user() -> Iterator[TerminalUser]:
    found = TerminalUser()
    yield found
    found.close()


# -- in this process ------------------------------------------------------------------------------


@asynccontextmanager
async def shown(board: Board, user: TerminalUser) -> AsyncIterator[None]:
    """The machine's screen on the user's terminal while the block runs."""
    fd = os.open(os.ttyname(user.slave), os.O_RDWR | os.O_NOCTTY)
    async with Terminal(fd) as terminal, trio.open_nursery() as nursery:
        await nursery.start(serve_display, board, terminal)
        yield
        nursery.cancel_scope.cancel()


def write(board: Board, row: int, words: str) -> None:
    for at, char in enumerate(words.encode("cp437"), 80 * row):
        board.backplane.memory_write(0xB8000 + 2 * at, 1, char)


def start(board: Board, code: str) -> None:
    loaded = load_flat(bytes.fromhex(code), "guest", 0x100000, "protected", RAM)
    assert isinstance(loaded, Loaded)
    board.start(loaded)


class NothingState(State):
    pass


class Lamp(Card[NothingState]):
    """A screen of one pixel; `looks` is how often somebody looked."""

    name = "lamp"
    state_type = NothingState
    looks = 0

    def resources(self) -> Resources:
        return Resources()

    def screen(self) -> PixelScreen:
        self.looks += 1
        return PixelScreen(1, 1, b"\xff\x80\x00")


async def test_the_screen_is_on_the_terminal(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    write(board, 2, "Größe: 7 ½")
    async with shown(board, user):
        await user.see(lambda: user.lines[2] == "Größe: 7 ½")
        assert (user.screen.cursor.x, user.screen.cursor.y) == (0, 0)
        assert user.screen.buffer[2][0].fg == "white"


async def test_what_the_guest_changes_is_seen(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    async with shown(board, user):
        start(board, COUNTING)
        first: list[str] = []

        def changed() -> bool:
            first.append(user.screen.display[0][0])
            return len(set(first)) > 4

        await user.see(changed)


async def test_keys_go_to_the_keyboard(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    keyboard = await board.plug_in("kbc")
    await board.backplane.quiesce(each=1, total=1)
    async with shown(board, user):
        user.type(b"dir\r\x03\x1b[A\x1dd\x1d\x1d")
        expected = text("dir<enter><ctrl-c><up><ctrl-alt-del><ctrl-]>")
        with trio.fail_after(20):
            while len(keyboard.input) < len(expected):
                await keyboard.input.wait()
                await trio.lowlevel.checkpoint()
        assert keyboard.input.read(1000) == expected


async def test_without_a_keyboard_keys_go_nowhere(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    async with shown(board, user):
        user.type(b"x\x1d?")
        await user.see(lambda: user.lines[2].strip().startswith("x"))


async def test_the_help_stays_until_the_next_key(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    write(board, 0, "A:>")
    async with shown(board, user):
        user.type(b"\x1d?")
        await user.see(lambda: "end the machine" in user.text and "A:>" not in user.text)
        user.type(b" ")
        await user.see(lambda: user.lines[0] == "A:>" and "end the machine" not in user.text)


async def test_it_fits_itself_to_the_terminals_size(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    write(board, 24, "last")
    async with shown(board, user):
        await user.see(lambda: user.lines[24] == "last")
        before = len(user.received)
        user.resize(40, 10)
        os.kill(os.getpid(), signal.SIGWINCH)
        await user.see(lambda: b"\x1b[2J" in user.received[before:])
        write(board, 9, "ninth")
        user.type(b"\x1dl")
        await user.see(lambda: user.lines[9] == "ninth")


async def test_ctrl_bracket_and_x_end_the_machine(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    async with shown(board, user):
        user.type(b"\x1dx")
        with trio.fail_after(20):
            ended = await board.ended()
    assert ended.status == Exit.OK


async def test_a_graphics_mode_is_shown_in_half_characters(
    board: Board, user: TerminalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLORTERM", "truecolor")
    await board.backplane.insert(Lamp())
    async with shown(board, user):
        await user.see(lambda: user.lines[29].startswith("picture of 1 by 1"))
        cell = user.screen.buffer[0][0]
        assert (cell.data, cell.fg, cell.bg) == ("▀", "ff8000", "ff8000")


async def test_a_card_that_is_pulled_leaves_a_message_until_another_is_there(
    board: Board, user: TerminalUser
) -> None:
    slot = await board.plug_in("vga")
    start(board, "ebfe")
    async with shown(board, user):
        await board.backplane.remove(slot.number)
        await user.see(lambda: "no card with a screen" in user.text)
        await board.plug_in("vga")
        write(board, 3, "again")
        await user.see(lambda: user.lines[3] == "again" and "no card" not in user.text)


async def test_a_card_whose_screen_raises_is_no_end_of_the_machine(
    board: Board, user: TerminalUser
) -> None:
    class Broken(Lamp):
        def screen(self) -> PixelScreen:
            if self.looks:
                raise ZeroDivisionError("no ink")
            return super().screen()

    await board.backplane.insert(Broken())
    async with shown(board, user):
        await user.see(lambda: "card lamp: its screen() raised ZeroDivisionError" in user.text)


async def test_no_card_with_a_screen_is_an_error(board: Board, user: TerminalUser) -> None:
    with pytest.RaisesGroup(pytest.RaisesExc(BusError, match="no card with a screen")):
        async with shown(board, user):
            pass
    assert user.received == b""


async def test_a_terminal_that_goes_away_is_an_error(board: Board, user: TerminalUser) -> None:
    await board.plug_in("vga")
    with pytest.RaisesGroup(
        pytest.RaisesExc(TerminalError, match="gone"), flatten_subgroups=True, allow_unwrapped=True
    ):
        async with shown(board, user):
            user.close()
            with trio.fail_after(20):
                await trio.sleep_forever()


async def test_nobody_looks_at_a_machine_that_stands_still(
    board: Board, user: TerminalUser
) -> None:
    lamp = Lamp()
    await board.backplane.insert(lamp)
    async with shown(board, user):
        await user.see(lambda: "picture" in user.text)
        looks = lamp.looks
        await trio.sleep(display.CALM + 3 * display.QUIET)
        assert lamp.looks == looks


async def test_a_machine_that_changes_nothing_is_looked_at_less_often(
    board: Board, user: TerminalUser
) -> None:
    lamp = Lamp()
    await board.backplane.insert(lamp)
    start(board, "ebfe")
    async with shown(board, user):
        await trio.sleep(display.CALM + 2 * display.QUIET)
        looks = lamp.looks
        await trio.sleep(5 * display.QUIET)
        assert lamp.looks - looks <= 5


async def run_once(user: TerminalUser | None) -> tuple[int, int, int]:
    """A deterministic run, with or without somebody: instructions, machine time and a result.

    The guest counts in the first cell and mixes in what it reads from the timer.
    """
    async with open_board(BoardConfig(deterministic=True)) as board:
        await board.plug_in("vga")
        start(
            board,
            "31db b9983a0000"  # xor ebx,ebx ; mov ecx,15000
            "fe0500800b00 e440 00c3 c1c303 e2f1"  # inc [B8000h] ; in al,40h ; add, rol ; loop
            "891d04800b00 b000e6f4 ebfe",  # mov [B8004h],ebx ; out F4h
        )
        with trio.fail_after(60):
            if user is None:
                await board.ended()
            else:
                async with shown(board, user):
                    await board.ended()
                user.read()
                assert user.received.count(b"\x1b[?2026h") > 1
        result = board.backplane.memory_read(0xB8004, 4)
        return board.processor.instructions, board.backplane.clock.now(), result


async def test_machine_time_does_not_know_that_somebody_looks(
    user: TerminalUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = await run_once(None)
    monkeypatch.setattr(display, "FRAME", 0.01)
    monkeypatch.setattr(display, "SHARE", 0)
    monkeypatch.setattr(display, "CALM", 1000)
    assert await run_once(user) == alone


# -- whole machines -------------------------------------------------------------------------------

BOOT = bytes.fromhex(
    "31c0 8ed8 bc007c be477c ac84c07406 b40ecd10 ebf5"  # print "ready> "
    "b400cd16 bb1300 3c677410 bb0141 3c767409"  # a key; `g`: mode 13h, `v`: VBE mode 101h
    "b40ebb0700cd10 ebe5"  # others: print them
    "b8024fcd10 b800a08ec0 31ff"  # set the mode; ES:DI = A0000h
    "89f8 88e0 aa 85ff 75f7 ebce"  # 64 KiB of the offset's high byte
    "72656164793e2000"
)
"""A boot sector, for 7C00h."""
MACHINE = """
[boot]
order = ["disk"]
[[disk]]
image = "disk.img"
read_only = true
[[card]]
name = "framebuffer"
[display]
to = "terminal"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A machine that says `ready> ` and prints what is typed."""
    sector = BOOT.ljust(510, b"\0") + b"\x55\xaa"
    (tmp_path / "disk.img").write_bytes(sector.ljust(1 << 20, b"\0"))
    (tmp_path / "machine.toml").write_text(MACHINE)
    return tmp_path / "machine.toml"


@pytest.fixture
def guest_in_loop(tmp_path: Path) -> list[str]:
    """The command for a machine that only counts in the first cell."""
    (tmp_path / "loop.bin").write_bytes(bytes.fromhex(COUNTING))
    return [COMMAND, "run", str(tmp_path / "loop.bin"), "--flat", "0x100000", "--timeout", "100"]


def until_painted(control: Path, png: Path, place: tuple[int, int], rgb: bytes) -> None:
    """Wait until the guest has painted a pixel in this colour."""
    for _ in range(200):
        assert ask(control, Request("screen", file=str(png)))["ok"]
        with Image.open(png) as picture:
            if picture.getpixel(place) == tuple(rgb):
                return
    raise AssertionError(f"{place} is not {rgb.hex()}")


@needs_roms
def test_a_pc_in_the_terminal_from_its_bios_to_graphics(
    user: TerminalUser, machine: Path, tmp_path: Path
) -> None:
    control, png = tmp_path / "control", tmp_path / "screen.png"
    process = user.start([COMMAND, "run", str(machine), "--control", str(control)])
    user.expect("ready>")
    user.type(b"Hello, \x1b[200;1uworld")
    user.expect("ready> Hello, world")
    row = next(at for at, line in enumerate(user.lines) if "ready>" in line)

    found = ask(control, Request("screen"))["result"]
    assert found["lines"][row] == "ready> Hello, world"
    assert (found["columns"], found["rows"], found["cursor"]["column"]) == (80, 25, 19)
    assert ask(control, Request("pause"))["ok"]
    assert ask(control, Request("screen", file=str(png)))["ok"]
    assert ask(control, Request("continue"))["ok"]
    with Image.open(png) as picture:
        assert picture.size == (720, 400)
        line = picture.crop((0, 16 * row, 720, 16 * row + 16))
        assert set(line.get_flattened_data()) == {(0, 0, 0), (170, 170, 170)}

    for typed, width, height in ((b"g", 320, 200), (b"v", 640, 480)):
        user.type(typed)
        user.expect(f"picture of {width} by {height}")
        painted = b"\xaa\x00\x00"  # DAC register 4, of the offsets from 1024 on
        user.until(lambda: user.screen.buffer[0][20].data == "▀", "a picture")
        until_painted(control, png, (1100 % width, 1100 // width), painted)
        with Image.open(png) as picture:
            assert picture.size == (width, height)

    user.type(b"\x1dx")
    assert user.end(process) == Exit.OK
    assert user.restored
    assert not control.exists()


def test_a_signal_ends_it_and_the_terminal_is_restored(
    user: TerminalUser, guest_in_loop: list[str]
) -> None:
    process = user.start([*guest_in_loop, "--display", "terminal"])
    user.expect_taken_over()
    user.type(b"\x03\x1a\x1c")  # keys like any other
    os.kill(process.pid, signal.SIGTERM)
    assert user.end(process) == Exit.INTERRUPTED
    assert user.restored


def test_a_timeout_ends_it_and_says_so_on_the_usual_screen(
    user: TerminalUser, guest_in_loop: list[str]
) -> None:
    process = user.start([*guest_in_loop[:-1], "1.5", "--display", "terminal"])
    assert user.end(process) == Exit.TIMEOUT
    assert user.restored
    assert b"did not end within 1.5 s" in user.received.rpartition(LEAVE)[2]


def test_it_can_be_suspended_and_goes_on(user: TerminalUser, guest_in_loop: list[str]) -> None:
    command = " ".join([*guest_in_loop, "--display", "terminal"])
    process = user.start(["bash", "-m", "-c", f"{command}; echo stopped; fg >/dev/null; exit $?"])
    user.expect_taken_over()
    user.type(b"\x1dz")
    user.expect_sent(b"stopped\r\n")
    user.expect_taken_over(times=2)
    user.type(b"\x1dx")
    assert user.end(process) == Exit.OK
    assert user.restored


@pytest.mark.parametrize(
    ("options", "status", "words"),
    [
        ([], Exit.FAILED, "--display terminal: standard input is none"),
        (["--serial", "stdio"], Exit.FAILED, '--serial = "stdio": the screen is shown in the'),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    guest_in_loop: list[str], options: Sequence[str], status: int, words: str
) -> None:
    done = subprocess.run(
        [*guest_in_loop, "--display", "terminal", *options], stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == status
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_dumb_terminal_is_refused(user: TerminalUser, guest_in_loop: list[str]) -> None:
    process = user.start([*guest_in_loop, "--display", "terminal"], TERM="dumb")
    assert user.end(process) == Exit.FAILED
    user.expect("this one is dumb")


def test_a_machine_without_a_screen_is_not_started(tmp_path: Path) -> None:
    (tmp_path / "loop.bin").write_bytes(bytes.fromhex(COUNTING))
    document = {
        "machine": {"cards": "plain"}, "display": {"to": "terminal"},
        "boot": {"flat": "loop.bin", "address": 0x100000},
    }  # fmt: skip
    with pytest.raises(MachineError, match=r'display\.to = "terminal": no card has a screen; add'):
        assemble(check(document, base=tmp_path))
    with_one = check({**document, "card": [{"name": "vga"}]}, base=tmp_path)
    assert assemble(with_one).file.serial[0].to == "none"


def test_a_frame_buffer_takes_the_place_of_the_vga(tmp_path: Path) -> None:
    (tmp_path / "loop.bin").write_bytes(bytes.fromhex(COUNTING))
    document = {
        "boot": {"flat": "loop.bin", "address": 0x100000},
        "card": [{"name": "framebuffer", "settings": {"memory": 4}}],
    }
    assembly = assemble(check(document, base=tmp_path))
    screens = [plug for plug in assembly.cards if plug.card in {"vga", "framebuffer"}]
    assert [(plug.card, plug.settings) for plug in screens] == [("framebuffer", {"memory": 4})]
