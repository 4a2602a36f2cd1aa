"""Faults to inject at the beginning of a phase: what the guest, a card or somebody outside does.

The guest's part is real machine code, put where neither kernel nor bootstrap is and jumped to.
"""

import struct
from collections.abc import Callable

from hotswap.host.board import Board

STUB = 0x7800  # between the bootstrap's stack and the bootstrap
CARD = 0x180


def _run(board: Board, code: bytes) -> None:
    board.processor.write_memory(STUB, code)
    board.processor.flat32(STUB, STUB)


def _acknowledge(phase: int, code: int, txn: int) -> bytes:
    """mov eax,phase<<24|code<<16|txn; mov edx,ACK; out dx,eax; jmp ."""
    value = struct.pack("<I", phase << 24 | code << 16 | txn)
    return b"\xb8" + value + b"\xba" + struct.pack("<I", CARD + 8) + b"\xef\xeb\xfe"


def hang(board: Board) -> None:
    """jmp ."""
    _run(board, b"\xeb\xfe")


def halt(board: Board) -> None:
    """cli; hlt"""
    _run(board, b"\xfa\xf4")


def triple_fault(board: Board) -> None:
    """lidt of a table with no entries; ud2"""
    _run(board, b"\x0f\x01\x1d" + struct.pack("<I", STUB + 16) + b"\x0f\x0b" + bytes(16))


def wild_jump(board: Board) -> None:
    """mov eax,0xffff0000; jmp eax"""
    _run(board, b"\xb8\x00\x00\xff\xff\xff\xe0")


def report_error(board: Board) -> None:
    """ACK ERROR, code 7."""
    _run(board, _acknowledge(0xFF, 7, board.machine.switchovers))


def answer_nonsense(board: Board) -> None:
    """ACK of a phase there is none of."""
    _run(board, _acknowledge(0x55, 0, board.machine.switchovers))


def answer_twice(board: Board) -> None:
    """ACK RESUMED again."""
    _run(board, _acknowledge(6, 0, board.machine.switchovers))


def answer_early(board: Board) -> None:
    """ACK RESTORED before anything has been saved."""
    _run(board, _acknowledge(5, 0, board.machine.switchovers))


def _writing(first: int, step: int) -> bytes:
    """mov edx,HEARTBEAT; mov eax,first; again: out dx,eax; add eax,step; jmp again."""
    load = b"\xba" + struct.pack("<I", CARD + 0x14) + b"\xb8" + struct.pack("<I", first)
    return load + b"\xef\x05" + struct.pack("<i", step) + b"\xeb\xf8"


def beat_without_progress(board: Board) -> None:
    """Heartbeats for ever, all of them the same."""
    _run(board, _writing(500, 0))


def go_backwards(board: Board) -> None:
    """Heartbeats whose progress goes down."""
    _run(board, _writing(500, -1))


def reset_itself(board: Board) -> None:
    """mov al,1; out 92h,al; jmp ."""
    _run(board, b"\xb0\x01\xe6\x92\xeb\xfe")


def raising_card(board: Board) -> None:
    """The RTC breaks."""
    board.slot("cmos").set_fault(RuntimeError("smoke"))


GUEST_FAULTS: tuple[Callable[[Board], None], ...] = (
    hang,
    halt,
    triple_fault,
    wild_jump,
    reset_itself,
    report_error,
    answer_nonsense,
)
