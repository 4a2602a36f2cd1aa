"""The BIOS's ROM, seen by guest code on a whole board."""

import pytest
import trio

from hotswap.bus import Backplane, CardError
from hotswap.host.board import Board
from hotswap.host.discovery import make_card

# at 0xFFFFF000: mov al, cs:[0xFFFC]; mov cs:[0xFFFC], ah; add al, cs:[0xFFFC]; out 0xF4, al; jmp $
CODE = bytes.fromhex("2ea0fcff 2e8826fcff 2e0206fcff e6f4 ebfe".replace(" ", ""))
RESET_VECTOR = bytes.fromhex("e90df0")  # at 0xFFFFFFF0: jmp 0xF000


def rom() -> bytes:
    content = bytearray(b"\xff" * 4096)
    content[: len(CODE)] = CODE
    content[0xFF0 : 0xFF0 + len(RESET_VECTOR)] = RESET_VECTOR
    content[0xFFC] = 21
    return bytes(content)


async def test_a_processor_starts_in_it_and_cannot_change_it(board: Board) -> None:
    await board.plug_in("rom", {"content": rom()})
    board.processor.reset()
    board.nursery.start_soon(board.processor.run)
    with trio.fail_after(20):
        assert (await board.ended()).status == 10 + 2 * 21


async def test_pulled_it_answers_no_more(board: Board) -> None:
    slot = await board.plug_in("rom", {"content": rom()})
    with pytest.raises(CardError, match="could not be plugged in"):
        await board.plug_in("rom", {"content": rom()})
    await board.backplane.remove(slot.number)
    await board.plug_in("rom", {"content": rom()})


async def test_it_needs_a_processor_to_answer(backplane: Backplane) -> None:
    with pytest.raises(CardError, match="no processor"):
        await backplane.insert(make_card("rom"))
