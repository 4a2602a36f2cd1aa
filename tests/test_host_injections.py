"""`inject`, `injections` and `uninject` of the control socket, on a machine that runs."""

from __future__ import annotations

import msgspec
import pytest

from hotswap.bus import BusError
from hotswap.bus.injection import Corrupt, Drop, LoseIrq
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.control import Request
from hotswap.host.guest import Guest
from hotswap.host.operator import answer_for


def ignore(event: object) -> None:
    """Nobody listens to the events."""


async def test_what_is_injected_is_listed_with_its_counts_and_removed(guest: Guest) -> None:
    answer = answer_for(guest.board)
    added = await answer(Request("inject", fault=LoseIrq(irq=0, every=4)), ignore)
    assert added.result == {
        "number": 1, "what": "lose IRQ 0 every 4", "matched": 0, "hits": 0, "spent": False,
        "fault": {"fault": "lose-irq", "irq": 0, "every": 4},
    }  # fmt: skip
    guest.boot(["registers:20"])
    await guest.pass_time(100_000_000)
    (listed,) = (await answer(Request("injections"), ignore)).result
    assert listed["matched"] >= 8
    assert listed["hits"] == listed["matched"] // 4
    (removed,) = (await answer(Request("uninject", injection=1), ignore)).result
    assert removed["hits"] == listed["hits"]
    assert (await answer(Request("injections"), ignore)).result == []


async def test_without_a_number_all_are_removed(guest: Guest) -> None:
    answer = answer_for(guest.board)
    await answer(Request("inject", fault=Drop(first=0x3F8)), ignore)
    await answer(Request("inject", fault=Corrupt(first=0x3FD, xor=0x20)), ignore)
    removed = (await answer(Request("uninject"), ignore)).result
    assert [each["what"] for each in removed] == [
        "drop port 0x03f8",
        "corrupt xor 0x20 port 0x03fd",
    ]
    assert (await answer(Request("uninject"), ignore)).result == []


async def test_what_is_wrong_is_named(guest: Guest) -> None:
    answer = answer_for(guest.board)
    for request, why in (
        (Request("inject"), "inject needs a fault: .* see docs/injection.md"),
        (Request("inject", fault=Drop(first=0x500)), "no card answers at port 0x0500"),
        (Request("uninject", injection=4), "there is no injection 4; there are: none"),
    ):
        with pytest.raises(BusError, match=why):
            await answer(request, ignore)
    with pytest.raises(msgspec.ValidationError, match=r"ns is 0; use 1 to .* `\$\.fault`"):
        msgspec.json.decode(
            b'{"op":"inject","fault":{"fault":"delay","first":1,"ns":0}}', type=Request
        )


async def test_equal_machines_with_equal_injections_are_equal_trace_for_trace(
    guest: Guest,
) -> None:
    """And another seed makes another run: it is the fault that is seen."""

    async def run(seed: int) -> bytes:
        async with open_board(BoardConfig(deterministic=True)) as board:
            fault = LoseIrq(irq=0, probability=0.2, seed=seed)
            injected = board.backplane.injections.add(fault)
            board.backplane.io.trace(True)
            other = Guest(board)
            other.boot(["registers:5"])
            await other.pass_time(40_000_000)
            assert injected.hits
            return board.backplane.trace.digest()

    first = await run(1)
    assert first == await run(1)
    assert first != await run(2)
