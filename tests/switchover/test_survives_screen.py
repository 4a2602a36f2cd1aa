"""The screen and the keyboard: a shell on tty1 goes on where it was, on the same screen."""

import re
from pathlib import Path

import pytest
import trio

from hotswap.bus import TextScreen
from hotswap.host.board import Board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.keys import text
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.host.screen import description
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.image import load_image
from hotswap.switchover.options import Options
from hotswap.switchover.report import PhaseEvent

from .conftest import MS

GUESTS = Path(__file__).parents[1] / "guests"
SHELL = ["getty:/dev/tty1:/bin/sh"]
WAIT = 100  # times 20 ms of machine time
CAPS, SHIFT_DOWN, SHIFT_UP = text("<capslock>"), b"\x12", b"\xf0\x12"
USUAL, RED_ON_BLUE, BRIGHT_YELLOW = 0x07, 0x14, 0x0E


class Monitor:
    """The screen of a guest, and its keyboard."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.backplane = guest.board.backplane
        self.keyboard = guest.board.slot("kbc").input

    def type(self, keys: str | bytes) -> None:
        """Press the keys of `keys`, or of these scan codes of set 2."""
        self.keyboard.feed(text(keys) if isinstance(keys, str) else keys)

    @property
    def shown(self) -> TextScreen:
        screen = self.backplane.screen()
        assert isinstance(screen, TextScreen)
        return screen

    @property
    def lines(self) -> list[str]:
        lines: list[str] = description(self.shown)["lines"]
        return lines

    @property
    def cursor(self) -> tuple[int, int] | None:
        """Column and row."""
        cursor = self.shown.cursor
        return None if cursor is None else (cursor.column, cursor.row)

    def attributes(self, row: int) -> list[int]:
        return list(self.shown.cells[160 * row + 1 : 160 * (row + 1) : 2])

    async def expect(self, pattern: str) -> None:
        """Wait until `pattern` is in the lines, trailing blanks and empty last lines left out."""
        for _ in range(WAIT):
            if re.search(pattern, "\n".join(self.lines).rstrip("\n"), re.MULTILINE):
                return
            await self.guest.pass_time(20 * MS)
        pytest.fail(f"no {pattern!r} on the screen:\n" + "\n".join(self.lines))

    async def draw(self, sequences: str) -> None:
        """Have the shell clear the screen and write `sequences`; its prompt comes behind them."""
        self.type(f"echo '\\033c{sequences}\\c'<enter>")
        await self.guest.pass_time(20 * MS)
        await self.expect(r"\$$")


@pytest.fixture
async def monitor(board: Board, guest: Guest) -> Monitor:
    """A shell on tty1, at its first prompt."""
    for card in ("vga", "kbc"):
        await board.plug_in(card)
    guest.boot(SHELL, options="console=tty1")
    shown = Monitor(guest)
    await shown.expect(r"^\$$")
    return shown


async def commit(switchover: SwitchKernel, kernel: int) -> None:
    report = await switchover(kernel)
    assert report.outcome == "committed", report.reason


async def commit_unseen(monitor: Monitor, switchover: SwitchKernel, kernel: int) -> None:
    """Nobody writes, so not a cell of the screen changes, nor the cursor."""
    before = monitor.shown
    await commit(switchover, kernel)
    assert monitor.shown == before


async def test_the_kernel_prints_where_the_command_line_says(monitor: Monitor) -> None:
    assert monitor.lines[0].startswith("refkernel 1")
    assert monitor.guest.text == ""


async def test_without_the_card_the_console_is_the_serial_port(guest: Guest) -> None:
    guest.boot(["sleeper:1:1"], options="console=tty1")
    await guest.expect("^refkernel 1")
    assert (await guest.reported())["sleeper"].startswith("ok")


async def test_keys_with_shift_control_alt_and_caps_lock(monitor: Monitor) -> None:
    monitor.type("echo aA1!_{<capslock>bB2@<capslock>c<enter>")
    await monitor.expect(r"^aA1!_\{Bb2@c$")
    monitor.type("nonsense<ctrl-u>echo twoo<backspace> three<ctrl-w>four<keypad-5><enter>")
    await monitor.expect(r"^two four5$")
    monitor.type("nonsense<ctrl-c>")
    await monitor.expect(r"^\$ nonsense\^C\n\$$")
    monitor.type("<up><f1><f12><delete><alt-x><right-ctrl-a>")
    await monitor.expect(r"^\$ \^\[\[A\^\[\[\[A\^\[\[24~\^\[\[3~\^\[x\^A$")


async def test_control_sequences_of_the_cursor(monitor: Monitor) -> None:
    await monitor.draw("ab\\033[5;10Hcd\\033[2A\\033[3Def\\033[B\\033[2Gg\\033[4dh\\033[10;80Hij")
    assert [(row, line) for row, line in enumerate(monitor.lines) if line] == [
        (0, "ab"),
        (2, " " * 8 + "ef"),
        (3, " gh"),
        (4, " " * 9 + "cd"),
        (9, " " * 79 + "i"),
        (10, "j$"),
    ]
    assert monitor.cursor == (3, 10)
    await monitor.draw("\\033[3;3H\\00337\\033[9;9H\\033[?25l\\00338x")
    assert monitor.lines[2] == "  x$"
    assert monitor.shown.cursor is None
    await monitor.draw("\\033[6n")
    await monitor.expect(r"^(\^\[\[1;1R\$|\$ \^\[\[1;1R)")


async def test_control_sequences_that_erase_and_move(monitor: Monitor) -> None:
    rows = "\\n".join(letter * 6 for letter in "abcdefgh")
    await monitor.draw(
        f"{rows}\\033[1;3H\\033[K\\033[2;3H\\033[1K\\033[3;3H\\033[2P\\033[4;3H\\033[2@\\033[5;3H\\033[2X"
        "\\033[6;1H\\033[M\\033[L\\033[8;3H\\033[J"
    )
    assert [line.rstrip("$") for line in monitor.lines[:8]] == [
        "aa", "   bbb", "cccc", "dd  dddd", "ee  ee", "", "gggggg", "hh",
    ]  # fmt: skip
    await monitor.draw(rf"{rows}\033[2;4r\033[4;1H\nx\033[2;1H\033M\033M\033[r\033[9;1H")
    assert monitor.lines[:9] == ["a" * 6, "", "", "c" * 6, *(c * 6 for c in "efgh"), "$"]


async def test_colours_and_what_they_leave_when_erasing(monitor: Monitor) -> None:
    await monitor.draw(
        "\\033[31;44mA\\033[7mB\\033[27;1mC\\033[K\\033[0mD\\033[1;33mE\\033[22;39mF"
        "\\033[38;5;1;42mG\\033[95;49mH\\033[m\\n"
    )
    assert monitor.attributes(0)[:9] == [0x14, 0x41, 0x1C, 0x07, 0x0E, 0x07, 0x27, 0x0D, 0x14]
    assert monitor.attributes(0)[9:] == [RED_ON_BLUE] * 71
    assert monitor.attributes(1)[:3] == [USUAL] * 3


async def test_a_half_typed_line_its_colour_and_the_keys_held_down_go_on(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    await monitor.draw(r"\033[3;1H\033[1;33m")
    monitor.type("echo one<capslock>two")
    monitor.type(SHIFT_DOWN)
    await monitor.expect(r"^\$ echo oneTWO$")
    await commit_unseen(monitor, switchover, 2)
    monitor.type("x")  # with shift and caps lock
    monitor.type(SHIFT_UP)
    monitor.type("y<ctrl-v>")
    await monitor.expect(r"^\$ echo oneTWOxY\^$")
    await commit_unseen(monitor, switchover, 1)
    monitor.type("<ctrl-u><backspace><backspace><backspace>z<capslock>a<enter>")
    await monitor.expect(r"^oneTWOZa\n\$$")
    assert monitor.attributes(2)[:15] == [BRIGHT_YELLOW] * 15
    assert monitor.attributes(3)[:8] == [BRIGHT_YELLOW] * 8


async def test_a_key_with_two_codes_cut_in_the_middle(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    up = text("<up>")
    for kernel, shown in ((2, r"\^\[\[A"), (1, r"\^\[\[A\^\[\[A")):
        monitor.type(up[:1])
        await monitor.guest.pass_time(20 * MS)
        await commit_unseen(monitor, switchover, kernel)
        monitor.type(up[1:])
        await monitor.expect(rf"^\$ {shown}$")


@pytest.mark.parametrize("phase", ["PREPARE", "QUIESCE", "SAVE", "NEWINIT", "COMMIT"])
async def test_what_is_typed_while_the_kernel_is_replaced_is_not_lost(
    monitor: Monitor, board: Board, phase: str
) -> None:
    words = {2: "echo <shift-a>b", 1: "<ctrl-w>Done<enter>"}

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (phase, "begun"):
            monitor.type(words.pop(kernel))

    for kernel in (2, 1):
        await Switchover(board.machine, refkernel(kernel), Options(patience=PATIENCE), tell).run()
    assert not words
    await monitor.expect(r"^\$ echo Done\nDone\n\$$")


async def test_a_key_that_comes_while_nobody_serves_its_interrupt(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    """Its bits take about a millisecond, at the end of which the old kernel is parked."""
    clock = monitor.backplane.clock
    for n, kernel in enumerate((2, 1) * 3):
        async with trio.open_nursery() as nursery:

            async def press(after: int = n * MS // 10) -> None:
                await clock.sleep_until(clock.now() + after)
                monitor.type("a")

            nursery.start_soon(press)
            await commit(switchover, kernel)
        await monitor.expect(rf"^\$ {'a' * (n + 1)}$")


async def test_output_stopped_by_control_s_comes_when_it_goes_on(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    monitor.type("<ctrl-s>echo waits<enter>")
    await monitor.guest.pass_time(100 * MS)
    await commit_unseen(monitor, switchover, 2)
    assert monitor.cursor == (2, 1)
    monitor.type("<ctrl-q>")
    await monitor.expect(r"^\$ echo waits\nwaits\n\$$")
    assert monitor.cursor == (2, 3)


async def test_a_control_sequence_cut_in_the_middle(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    """The region that scrolls, the saved place and the hidden cursor go on as well."""
    await monitor.draw(
        r"\033[24;1Hlast\033[5;10r\033[7;3H\033[31;44m\00337\033[m\033[9;1H\033[?25l"
    )
    monitor.type(r"echo '\033[3\c'; sleep 1; echo '2mA\n\nB\00338C\c'; read x<enter>")
    await monitor.guest.pass_time(400 * MS)
    await commit_unseen(monitor, switchover, 2)
    await commit_unseen(monitor, switchover, 1)
    await monitor.expect(r"^\$ C")
    lines = monitor.lines
    assert (lines[23], lines[6][2], monitor.attributes(6)[2]) == ("last", "C", RED_ON_BLUE)
    assert (lines[7], lines[9], monitor.attributes(7)[0]) == ("A", "B", 0x02)
    assert monitor.cursor is None
    assert lines[10:23] == [""] * 13


async def test_a_screen_that_scrolls_all_the_time(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    """Its memory is run through from end to end meanwhile, which is 204 rows."""
    monitor.type("i=0; while [ $i -lt 500 ]; do i=$((i+1)); echo row $i; done".replace("<", "<lt>"))
    monitor.type("<enter>")
    for kernel, row in ((2, r"1\d\d"), (1, r"3\d\d")):
        await monitor.expect(rf"^row {row}$")
        await commit(switchover, kernel)
        assert "row 500" not in monitor.lines
    await monitor.expect(r"^row 500$")
    assert monitor.lines == [*(f"row {n}" for n in range(477, 501)), "$"]
    assert monitor.cursor == (2, 24)
    await commit_unseen(monitor, switchover, 2)
    monitor.type("half")
    await monitor.expect(r"^row 500\n\$ half$")
    assert monitor.cursor == (6, 24)


async def test_a_switchover_that_is_rolled_back_leaves_the_screen(
    monitor: Monitor, switchover: SwitchKernel
) -> None:
    monitor.type("echo <capslock>ab")
    await monitor.expect("AB$")
    before = monitor.shown
    report = await switchover(load_image(GUESTS / "refkernel-v2-panic.elf"))
    assert report.outcome == "rolled back"
    assert monitor.shown == before
    monitor.type("c<enter>")
    await monitor.expect(r"^ABC\n\$$")


async def test_the_terminal_is_the_same_in_the_next_map(
    monitor: Monitor, guest: Guest, switchover: SwitchKernel
) -> None:
    await monitor.draw(r"\033[32m\033[3;1H")
    monitor.type("half <capslock>a")
    monitor.type(SHIFT_DOWN)
    await monitor.expect("half A$")
    before = (await guest.examine()).map
    for kernel in (2, 1):
        await commit(switchover, kernel)
    after = (await guest.examine()).map
    assert after.tty == before.tty
    assert after.system == before.system
    (screen,) = (tty for tty in after.tty if tty.tty == 2)
    assert (screen.cursor_x, screen.cursor_y, screen.attr) == (8, 2, 0x02)
    assert screen.sid == screen.pgrp != 0
