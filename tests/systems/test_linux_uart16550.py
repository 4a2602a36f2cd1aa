"""Linux's 8250 driver on the 16550 in C, and on its twin in Python, in turns."""

from __future__ import annotations

import hashlib
import random

import trio

from hotswap.cards.elf.card import ElfCard
from hotswap.cpu import CodePool
from hotswap.host.board import Board
from hotswap.host.discovery import make_card
from hotswap.host.elf_cards import elf_card

from .conftest import ROOT, Workload
from .console import Console, running
from .test_linux import LINE, PROMPT, machine

CARD = ROOT / "examples" / "uart16550" / "uart16550.o"
SIZE = 10_000
NUMBERS = "".join(f"{n}\n" for n in range(1, 2001))


class Serial:
    """The first serial port of `board`, of which there are two implementations."""

    def __init__(self, board: Board, engines: CodePool) -> None:
        self._board, self._engines = board, engines
        self.replacements = 0

    @property
    def in_c(self) -> bool:
        """Which it is now."""
        return isinstance(self._board.serial.card, ElfCard)

    async def replace(self) -> None:
        """Put the other one in its place."""
        card = make_card("uart") if self.in_c else elf_card(CARD, {}, self._engines)
        await self._board.backplane.replace(self._board.serial.number, card)
        self.replacements += 1

    async def replace_every(self, period: int) -> None:
        """Do so again and again; `period` in ns of machine time."""
        clock = self._board.backplane.clock
        while True:
            await clock.sleep_until(clock.now() + period)
            await self.replace()


async def both_ways(console: Console, seed: int) -> None:
    """Bytes into the guest while others come out of it: both are those that were sent."""
    sent = random.Random(seed).randbytes(SIZE)
    console.type(
        f"stty raw -echo; echo @@GO; seq 2000 & head -c {SIZE} | md5sum > /tmp/in; wait;"
        "stty sane; echo; cat /tmp/in\n"
    )
    begin = (await console.expect("^@@GO\n", 5)).end()
    console.board.serial.input.feed(sent)
    heard = await console.expect("^([0-9a-f]{32})  -$", 20)
    assert heard[1] == hashlib.md5(sent).hexdigest()
    assert NUMBERS in console.text[begin:]


async def test_linux_has_its_console_on_either_and_loses_no_byte(workload: Workload) -> None:
    """COM1 is put there when the machine runs already, COM2 comes from its machine file."""
    boot = machine(workload, "initrd-busybox-i486.gz", f"{LINE} quiet shell", reboot=False)
    boot = {**boot, "card": [{"name": str(CARD), "slot": 20}]}
    with CodePool() as engines:
        async with running(boot) as console:
            serial = Serial(console.board, engines)
            await serial.replace()  # before Linux looks for it
            assert serial.in_c
            await console.expect("@@SHELL", 15)
            await console.expect(PROMPT, 5)
            console.type("dmesg | grep ttyS; echo to COM2 > /dev/ttyS1\n")
            await console.expect(r"ttyS0 at I/O 0x3f8 \(irq = 4, .*\) is a 16550A", 5)
            await console.expect(r"ttyS1 at I/O 0x2f8 \(irq = 3, .*\) is a 16550A", 5)
            await console.expect(PROMPT, 5)
            second = console.board.backplane.find(20)
            assert second.output.take() == b"to COM2\r\n"
            await both_ways(console, 1)
            assert serial.in_c

            async with trio.open_nursery() as nursery:
                nursery.start_soon(serial.replace_every, 5_000_000)
                await both_ways(console, 2)
                nursery.cancel_scope.cancel()
            assert serial.replacements > 10
            assert console.board.serial.fault is None
        assert engines.taken == 0
