"""The debug-exit port: what is written leaves on the output, once it may."""

from __future__ import annotations

from hotswap.bus import FLOATING, Backplane
from hotswap.cards.debugexit import DebugExit, DebugExitSettings
from hotswap.host.board import Board
from hotswap.host.pytest_plugin import Ports

EXIT_WITH_7 = bytes.fromhex(
    "b007"  # mov al, 7
    "e6f4"  # out 0xf4, al
    "ebfe"  # jmp $
)


async def test_a_byte_written_is_let_out(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(DebugExit())
    ports.write(0xF4, 0x2A)
    assert slot.output.take() == b"\x2a"


async def test_the_port_reads_as_an_empty_bus(backplane: Backplane, ports: Ports) -> None:
    await backplane.insert(DebugExit())
    assert ports.read(0xF4) == FLOATING[1]


async def test_of_a_wide_write_only_the_low_byte_counts(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(DebugExit())
    ports.write(0xF4, 0x12345678, width=4)
    assert slot.output.take() == b"\x78"


async def test_it_answers_where_its_jumper_says(backplane: Backplane, ports: Ports) -> None:
    slot = await backplane.insert(DebugExit(DebugExitSettings(base=0x501)))
    ports.write(0xF4, 1)
    ports.write(0x501, 2)
    assert slot.output.take() == b"\x02"


async def test_a_kernel_not_committed_to_cannot_end_the_machine(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await backplane.insert(DebugExit())
    backplane.hold_streams()
    ports.write(0xF4, 1)
    assert slot.output.take() == b""
    backplane.rewind_streams()
    backplane.release_streams()
    assert slot.output.take() == b""


async def test_a_guest_that_writes_and_spins_is_ended_at_once(board: Board) -> None:
    board.processor.write_memory(0x8000, EXIT_WITH_7)
    board.processor.flat32(0x8000, 0x7000)
    board.nursery.start_soon(board.processor.run)
    assert (await board.ended()).status == 10 + 7
    assert board.processor.instructions < 100
