"""A card that has faulted begins anew, as its `[[card]]` says, and not for ever."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from hotswap.bus import Slot
from hotswap.cards.elf import ElfCard
from hotswap.host.assembly import assemble
from hotswap.host.board import Board
from hotswap.host.card_changes import replace_card
from hotswap.host.discovery import make_card
from hotswap.host.machine import open_machine
from hotswap.host.machine_file import check

GUEST = Path(__file__).parents[1] / "switchover" / "guest"
UART = Path(__file__).parents[1] / "examples" / "uart16550" / "uart16550.o"
PORT = 0x80
"""The POST card's."""


@asynccontextmanager
async def machine(**restart: Any) -> AsyncIterator[Board]:
    """A deterministic machine with a POST card that is restarted like that, and a running guest."""
    document = {
        "machine": {"clock": "instructions", "memory": 16},
        "boot": {
            "kernel": str(GUEST / "refkernel-v1.elf"),
            "initrd": str(GUEST / "initrd.cpio"),
            "append": "init=/bin/init stay",
        },
        "serial": [],
        "card": [{"name": "post", "restart_delay": 0.01, **restart}],
    }
    assembly = assemble(check(document, Path()))
    async with open_machine(assembly, {}) as board:
        with trio.fail_after(60):
            yield board


async def pass_time(board: Board, seconds: float) -> None:
    clock = board.backplane.clock
    await clock.sleep_until(clock.now() + int(seconds * 1e9))


def fault(board: Board) -> Slot:
    """Let the card fault; its slot."""
    slot = board.slot("post")
    slot.set_fault(RuntimeError("smoke"))
    return slot


async def code_after_restart(board: Board, delay: float) -> int:
    """The state of the card that has come after `delay` seconds, and not before."""
    slot = fault(board)
    old = slot.card
    await pass_time(board, delay * 0.9)
    assert slot.fault is not None
    await pass_time(board, delay * 0.2)
    assert slot.fault is None
    assert slot.card is not old
    assert board.backplane.io.holder(PORT) is slot
    code: int = slot.card.state.code
    slot.card.state.code = 0x42
    return code


async def test_a_cold_restart_begins_as_at_power_on() -> None:
    async with machine(restart="cold") as board:
        board.slot("post").card.state.code = 0x42
        assert await code_after_restart(board, 0.01) == 0


async def test_with_its_state_a_card_goes_on_and_if_it_faults_again_begins_cold() -> None:
    async with machine(restart="state") as board:
        board.slot("post").card.state.code = 0x42
        assert await code_after_restart(board, 0.01) == 0x42
        assert await code_after_restart(board, 0.02) == 0
        assert await code_after_restart(board, 0.04) == 0


async def test_a_card_that_faults_too_often_stays_off_the_bus_until_it_is_replaced() -> None:
    async with machine(restart="cold", restart_limit=1) as board:
        await code_after_restart(board, 0.01)
        slot = fault(board)
        await pass_time(board, 0.2)
        assert slot.fault is not None
        await board.backplane.replace(slot.number, make_card("post"))
        assert await code_after_restart(board, 0.01) == 0  # which counts anew


async def test_without_a_policy_a_faulty_card_stays_off_the_bus() -> None:
    async with machine() as board:
        slot = fault(board)
        await pass_time(board, 0.2)
        assert slot.fault is not None


async def test_it_begins_anew_as_the_operator_has_replaced_it() -> None:
    async with machine(name="uart", settings={"base": 0x2F8, "irq": 3}, restart="cold") as board:
        number = next(n for n, slot in board.backplane.slots.items() if slot.title == "uart")
        await replace_card(board, str(number), str(UART), {})
        slot = board.backplane.find(number)
        slot.set_fault(RuntimeError("smoke"))
        before = slot.card
        await pass_time(board, 0.02)
        assert slot.fault is None
        assert slot.card is not before
        assert isinstance(slot.card, ElfCard)


async def test_while_a_transaction_is_under_way_no_card_is_restarted() -> None:
    async with machine(restart="cold") as board:
        with board.backplane.locked("a test"):
            slot = fault(board)
            await pass_time(board, 0.1)
            assert slot.fault is not None
        await pass_time(board, 0.01)
        assert slot.fault is None


async def test_a_card_that_was_pulled_does_not_come_again() -> None:
    async with machine(restart="cold") as board:
        slot = fault(board)
        await board.backplane.remove(slot.number)
        await pass_time(board, 0.1)
        assert slot.number not in board.backplane.slots


async def test_a_fault_that_only_a_switchover_heard_of_is_seen_when_it_has_ended() -> None:
    async with machine(restart="cold") as board:

        async def work() -> None:
            with board.backplane.listening(lambda event: None):
                fault(board)

        await board.in_background(work)
        await pass_time(board, 0.02)
        assert board.slot("post").fault is None


async def test_a_card_that_is_as_before_its_fault_after_a_rollback_is_left_alone() -> None:
    async with machine(restart="cold") as board:
        slot = board.slot("post")
        slot.card.state.code = 0x42
        before, card = slot.snapshot(), slot.card
        fault(board)
        await pass_time(board, 0.005)
        slot.restore(before)
        slot.thaw()
        await pass_time(board, 0.1)
        assert (slot.fault, slot.card.state.code) == (None, 0x42)
        assert slot.card is card


async def test_a_card_in_c_goes_on_with_its_state_or_begins_anew_likewise() -> None:
    async with machine(name=str(UART), restart="state") as board:
        slot = board.slot("uart")
        scratch = slot.resources.ports[0].start + 7
        slot.card.write(scratch, 1, 0x5A)
        for delay, kept in ((0.01, 0x5A), (0.02, 0)):
            before = slot.card
            slot.set_fault(RuntimeError("smoke"))
            await pass_time(board, delay * 1.5)
            assert slot.fault is None
            assert slot.card is not before
            assert slot.card.read(scratch, 1) == kept
