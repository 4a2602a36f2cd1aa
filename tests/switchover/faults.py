"""Faults to inject at the beginning of a phase: what the guest, a card or somebody outside does.

The guest's part is real machine code, put where neither kernel nor bootstrap is and jumped to.
"""

import struct

from hotswap.host.board import Board
from hotswap.host.prove.stubs import STUB, hang, run, triple_fault

__all__ = ["STUB", "hang", "run", "triple_fault"]

CARD = 0x180


def _acknowledge(phase: int, code: int, txn: int) -> bytes:
    """mov eax,phase<<24|code<<16|txn; mov edx,ACK; out dx,eax; jmp ."""
    value = struct.pack("<I", phase << 24 | code << 16 | txn)
    return b"\xb8" + value + b"\xba" + struct.pack("<I", CARD + 8) + b"\xef\xeb\xfe"


def answer_twice(board: Board) -> None:
    """ACK RESUMED again."""
    run(board, _acknowledge(6, 0, board.machine.switchovers))


def answer_early(board: Board) -> None:
    """ACK RESTORED before anything has been saved."""
    run(board, _acknowledge(5, 0, board.machine.switchovers))


def _writing(first: int, step: int) -> bytes:
    """mov edx,HEARTBEAT; mov eax,first; again: out dx,eax; add eax,step; jmp again."""
    load = b"\xba" + struct.pack("<I", CARD + 0x14) + b"\xb8" + struct.pack("<I", first)
    return load + b"\xef\x05" + struct.pack("<i", step) + b"\xeb\xf8"


def beat_without_progress(board: Board) -> None:
    """Heartbeats for ever, all of them the same."""
    run(board, _writing(500, 0))


def go_backwards(board: Board) -> None:
    """Heartbeats whose progress goes down."""
    run(board, _writing(500, -1))


def raising_card(board: Board) -> None:
    """The RTC breaks."""
    board.slot("cmos").set_fault(RuntimeError("smoke"))
