"""Faults of the guest: machine code put where neither kernel nor bootstrap is, and jumped to.

Whatever the guest was doing, this is what it does from now on; or, for a `detour`, once.
"""

from __future__ import annotations

import struct

import msgspec

from hotswap.cards.mailbox import Ack
from hotswap.cards.switchover import CARD_BASE, Register
from hotswap.cpu import CpuState
from hotswap.host.board import Board

STUB = 0x7800
"""Between the bootstrap's stack and the bootstrap."""
DIRECT_MAP = 0xC000_0000
"""Where the reference kernels have physical memory; the bootstrap runs without paging."""
PAGING = 1 << 31
PROGRESS = 500


def run(board: Board, code: bytes) -> None:
    """Put `code` there; the guest goes on with it."""
    board.processor.write_memory(STUB, code)
    board.processor.flat32(STUB, STUB)


def detour(board: Board, code: bytes) -> None:
    """The guest executes `code`, which may change memory only, and goes on where it was."""
    state = board.processor.take_state()
    here = STUB + direct_map(state)
    back = state.eip - (here + len(code) + 5) & 0xFFFF_FFFF
    board.processor.write_memory(STUB, code + b"\xe9" + struct.pack("<I", back))
    board.processor.put_state(msgspec.structs.replace(state, eip=here))


def store(board: Board, physical: int, value: int) -> None:
    """mov byte [physical],value, by the guest itself"""
    address = physical + direct_map(board.processor.take_state())
    detour(board, b"\xc6\x05" + struct.pack("<IB", address, value))


def dawdle(board: Board) -> None:
    """push ecx; mov ecx,300000; loop $; pop ecx, once: 3 ms"""
    detour(board, b"\x51\xb9" + struct.pack("<I", 300_000) + b"\xe2\xfe\x59")


def direct_map(state: CpuState) -> int:
    """Where the guest sees physical memory: the reference kernels map it all once paging is on."""
    return DIRECT_MAP if state.cr0 & PAGING else 0


def hang(board: Board) -> None:
    """jmp $"""
    run(board, b"\xeb\xfe")


def halt(board: Board) -> None:
    """cli; hlt"""
    run(board, b"\xfa\xf4")


def triple_fault(board: Board) -> None:
    """lidt of a table with no entries; ud2"""
    run(board, b"\x0f\x01\x1d" + struct.pack("<I", STUB + 16) + b"\x0f\x0b" + bytes(16))


def wild_jump(board: Board) -> None:
    """mov eax,0xffff0000; jmp eax"""
    run(board, b"\xb8\x00\x00\xff\xff\xff\xe0")


def reset_itself(board: Board) -> None:
    """mov al,1; out 92h,al; jmp $"""
    run(board, b"\xb0\x01\xe6\x92\xeb\xfe")


def report_error(board: Board) -> None:
    """mov eax,ERROR<<24|7<<16|txn; mov edx,ACK; out dx,eax; jmp $"""
    value = Ack.ERROR << 24 | 7 << 16 | board.machine.switchovers
    load = b"\xb8" + struct.pack("<I", value)
    run(board, load + b"\xba" + struct.pack("<I", CARD_BASE + Register.ACK) + b"\xef\xeb\xfe")


def beat_for_ever(board: Board) -> None:
    """mov edx,HEARTBEAT; mov eax,500; again: out dx,eax; mov ecx,500; loop $; jmp again"""
    load = b"\xba" + struct.pack("<I", CARD_BASE + Register.HEARTBEAT)
    load += b"\xb8" + struct.pack("<I", PROGRESS)
    wait = b"\xb9" + struct.pack("<I", 500) + b"\xe2\xfe"
    run(board, load + b"\xef" + wait + b"\xeb" + struct.pack("b", -len(wait) - 3))
