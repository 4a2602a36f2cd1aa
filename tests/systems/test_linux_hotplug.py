"""Cards are replaced and pulled under Linux: it notices nothing, or only what it has lost."""

from __future__ import annotations

from typing import Any

import trio

from hotswap.cards.uart import Uart, UartState
from hotswap.host.board import Board
from hotswap.host.card_changes import insert_card, remove_card

from .conftest import Workload
from .console import running
from .test_linux import LINE, PROMPT, machine
from .test_linux_uart16550 import both_ways

NEEDLESS = ("cmos", "debugexit", "dma", "ferr", "kbc", "port92", "post", "vga")
"""What a shell on the serial line does without."""


class LaterState(UartState):
    """As a later version of the card might have it."""

    VERSION = 2
    scratch: int = 0

    @classmethod
    def migrate(cls, version: int, fields: dict[str, Any]) -> dict[str, Any]:
        """`scr` has another name."""
        assert version == 1
        return fields | {"scratch": fields["scr"]}


class LaterUart(Uart):
    """A later version, which takes over from the earlier one."""

    state_type = LaterState


async def take_turns(board: Board, period: int) -> None:
    """An earlier version of the serial port, then a later one, then an earlier one that begins
    with what it knows of the later one's state."""
    clock = board.backplane.clock
    while True:
        await clock.sleep_until(clock.now() + period)
        is_later = isinstance(board.serial.card, LaterUart)
        card = _Earlier() if is_later else LaterUart()
        await board.backplane.replace(board.serial.number, card)


class _Earlier(Uart):
    """The version there was before; it reads the later one's state, which has one field more."""

    state_type = UartState

    def adopt(self, saved: Any) -> None:
        """Its fields, but for the new one."""
        later = LaterUart()
        later.load(saved)
        fields = {name: getattr(later.state, name) for name in UartState.__struct_fields__}
        self.state = UartState(**fields)


async def test_linux_types_on_while_versions_of_its_serial_port_take_turns(
    workload: Workload,
) -> None:
    boot = machine(workload, "initrd-busybox-i486.gz", f"{LINE} quiet shell", reboot=False)
    boot = {**boot, "machine": {**boot["machine"], "cards": "pc"}}
    async with running(boot) as console:
        board = console.board
        await console.expect("@@SHELL", 15)
        await console.expect(PROMPT, 5)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(take_turns, board, 3_000_000)
            await both_ways(console, 3)
            nursery.cancel_scope.cancel()
        assert board.serial.fault is None

        for number, name in enumerate(NEEDLESS):  # pulled and put back, one after the other
            slot = await remove_card(board, name)
            console.type(f"echo $(({number} + 100))\n")
            await console.expect(f"^{number + 100}$", 5)
            settings = {"time": slot.card.settings.time} if name == "cmos" else {}
            await insert_card(board, name, number=slot.number, settings=settings)
        console.type("echo all are back\n")
        await console.expect("^all are back$", 5)

        await remove_card(board, "pit")
        await remove_card(board, "pic")
        console.type("echo nobody hears this\n")
        clock = board.backplane.clock
        await clock.sleep_until(clock.now() + 50_000_000)
        assert "^nobody hears this$" not in console.text
        assert board.info()["state"] in {"running", "halted"}
        await insert_card(board, "pic")  # which Linux never programs
        await clock.sleep_until(clock.now() + 50_000_000)
        assert not [slot.title for slot in board.backplane.slots.values() if slot.fault]
