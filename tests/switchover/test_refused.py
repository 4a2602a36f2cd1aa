"""What cannot work is refused in PLAN: what, where, what to do next; and nothing was touched."""

from __future__ import annotations

import os
import struct
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import lz4.frame
import pytest
import trio
from msgspec.structs import replace

from hotswap.bus import Card, Policy, State
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.control import Reply, Request
from hotswap.host.guest import Guest
from hotswap.host.images import shipped
from hotswap.host.operator import answer_for
from hotswap.switchover.image import IMAGE_MAX
from hotswap.switchover.layout import layout_of
from hotswap.switchover.memory import MIB
from hotswap.switchover.protocol import Note

from . import faults
from .conftest import MS
from .test_rolls_back import exact_state

RAM = 16  # MiB: little to compare
V2 = shipped("refkernel-v2.elf")
HEADERS, HEADER = struct.unpack_from("<I", V2, 28)[0], 32
NOTE = layout_of(Note)
NOTE_AT = V2.index(b"LKUS\0") + 8


def patched(at: int, layout: str, *values: int | bytes) -> bytes:
    data = bytearray(V2)
    struct.pack_into(layout, data, at, *values)
    return bytes(data)


def noted(**values: Any) -> bytes:
    """The kernel with another note."""
    note = replace(NOTE.unpack(V2[NOTE_AT : NOTE_AT + NOTE.size]), **values)
    return V2[:NOTE_AT] + NOTE.pack(note) + V2[NOTE_AT + NOTE.size :]


def damaged(data: bytes) -> bytes:
    """With another last byte."""
    return data[:-1] + bytes([data[-1] ^ 1])


def frame(data: bytes) -> bytes:
    packed: bytes = lz4.frame.compress(data, content_checksum=True)
    return packed


BAD: dict[str, tuple[Callable[[], bytes], str]] = {
    "not an ELF": (lambda: b"#!/bin/sh\n", "neither an ELF file nor an LZ4 frame"),
    "empty": (lambda: b"", "neither an ELF file nor an LZ4 frame"),
    "truncated": (lambda: V2[:20000], "is cut off in the file"),
    "truncated in its header": (lambda: V2[:40], "damaged or cut off"),
    "wrong class": (lambda: patched(4, "<B", 2), "class ELF64, not ELF32"),
    "wrong machine": (lambda: patched(18, "<H", 40), "machine EM_ARM, not EM_386"),
    "overlapping segments": (
        lambda: patched(HEADERS + HEADER, "<I", 1),
        "overlaps the one before; correct the linker script",
    ),
    "outside RAM": (
        lambda: patched(HEADERS + 12, "<I", 0x4000000),
        "lies outside the RAM a kernel may use",
    ),
    "bad checksum": (lambda: damaged(frame(V2)), "the LZ4 frame is damaged"),
    "decompression bomb": (lambda: frame(bytes(IMAGE_MAX + 2)), "decodes to more than 64 MiB"),
    "other map version": (lambda: noted(ssm_major=2), "LKUS note: reads maps of version 2.x"),
    "more RAM than there is": (
        lambda: noted(ram_min=(RAM + 1) * MIB),
        f"needs {RAM + 1} MiB of RAM, there are {RAM}",
    ),
    "no note": (lambda: patched(NOTE_AT - 8, "<4s", b"LKUX"), "section .note.lkus: has no LKUS"),
}


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Guest]:
    """A small machine at work."""
    async with open_board(BoardConfig(memory=RAM, deterministic=True)) as board:
        guest = Guest(board)
        guest.boot(["registers:200"])
        await guest.pass_time(MS)
        yield guest


async def ask(board: Board, image: Path, **options: Any) -> Reply:
    request = Request("switchover", str(image), **options)
    return await answer_for(board)(request, lambda event: None)


async def refused_without_a_trace(guest: Guest, image: Path, words: str, **options: Any) -> None:
    """Refused with these words; afterwards all is as before, to the last bit and cycle."""
    board = guest.board
    async with board.processor.paused():
        before, kernel = exact_state(board), board.machine.kernel
        board.backplane.io.trace(True)
        reply = await ask(board, image, **options)
        assert board.backplane.trace.records == []
        board.backplane.io.trace(False)
        assert exact_state(board) == before
        assert board.machine.kernel is kernel
        assert (board.machine.switchovers, board.backplane.locked_by) == (0, None)
    assert not reply.ok
    assert reply.error is not None
    assert words in reply.error
    assert reply.todo
    assert reply.error.endswith(f"; {reply.todo}")
    result = reply.result
    assert (result["outcome"], result["phase"], result["todo"]) == ("refused", "PLAN", reply.todo)
    assert result["fault_of"] in {"operator", "new kernel"} or "card " in result["fault_of"]
    assert result["saved"] == "nothing was touched"
    assert result["from"] == "1.0.0-refkernel"


@pytest.mark.parametrize(("make", "words"), BAD.values(), ids=BAD)
async def test_a_bad_image_is_refused_and_nothing_is_touched(
    small: Guest, tmp_path: Path, make: Callable[[], bytes], words: str
) -> None:
    image = tmp_path / "bad.elf"
    image.write_bytes(make())
    await refused_without_a_trace(small, image, words)
    assert words in str((await ask(small.board, image, plan=True)).error)


async def test_what_is_no_file_is_refused_at_once(small: Guest, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with trio.fail_after(20):
        for name, words in (("pipe", "no regular file"), ("none", "No such"), ("", "directory")):
            await refused_without_a_trace(small, tmp_path / name, f"{tmp_path / name}: ")
            reply = await ask(small.board, tmp_path / name)
            assert words in str(reply.error)


async def test_a_card_that_forbids_it_or_is_faulted_is_named(small: Guest, tmp_path: Path) -> None:
    class Bystander(Card[State]):
        """Touches nothing."""

        name = "bystander"
        switchover = Policy.REFUSE
        state_type = State

    image = tmp_path / "v2.elf"
    image.write_bytes(V2)
    slot = await small.board.backplane.insert(Bystander())
    await refused_without_a_trace(small, image, "card bystander forbids a switchover")
    await small.board.backplane.remove(slot.number)
    small.board.slot("post").set_fault(RuntimeError("smoke"))
    await refused_without_a_trace(small, image, "smoke")


async def test_a_machine_without_the_switchover_card_says_so(small: Guest, tmp_path: Path) -> None:
    image = tmp_path / "v2.elf"
    image.write_bytes(V2)
    await small.board.backplane.remove(small.board.slot("switchover").number)
    await refused_without_a_trace(small, image, "no switchover card is plugged in")


async def test_a_machine_too_small_says_so(tmp_path: Path) -> None:
    async with open_board(BoardConfig(memory=8, deterministic=True)) as board:
        Guest(board).boot(["memory:1"])
        reply = await ask(board, tmp_path / "v2.elf")
        assert not reply.ok
        assert reply.error == (
            "8 MiB of RAM are too few for a switchover, which needs 16; "
            "start the machine with more memory"
        )


async def test_a_machine_of_another_kind_says_so(tmp_path: Path) -> None:
    async with open_board(BoardConfig(memory=RAM, switchover=False)) as board:
        reply = await ask(board, tmp_path / "v2.elf")
        assert not reply.ok
        assert "takes no part in switchovers; boot a kernel with an LKUS note" in str(reply.error)


async def test_an_old_kernel_that_does_not_answer_is_refused_in_time_and_nothing_is_touched(
    small: Guest, tmp_path: Path
) -> None:
    image = tmp_path / "v2.elf"
    image.write_bytes(V2)
    board = small.board
    faults.run(board, b"\xfa\xeb\xfe")  # cli; jmp $
    ram = board.processor.ram  # time goes on, and with it the clocks
    async with board.processor.paused():
        before = [ram.read(start, size) for start, size in ram.spans]
    with trio.fail_after(60):
        reply = await ask(board, image)
    async with board.processor.paused():
        assert [ram.read(start, size) for start, size in ram.spans] == before
    assert reply.result["outcome"] == "refused"
    assert reply.result["fault_of"] == "old kernel"
    assert "does not say what it can do (QUERY_CAPS): no answer within 1 s" in str(reply.error)
    card = board.slot("switchover").card
    assert (card.state.cmd, card.state.txn, board.backplane.locked_by) == (0, 0, None)


async def test_a_plan_says_what_will_be_done(small: Guest, tmp_path: Path) -> None:
    image = tmp_path / "v2.elf"
    image.write_bytes(V2)
    result = (await ask(small.board, image, plan=True, patience=20)).result
    assert (result["outcome"], result["phase"], result["txn"]) == ("planned", "PLAN", 0)
    plan = result["plan"]
    assert plan["from"]["version"] == "1.0.0-refkernel"
    assert plan["to"]["version"] == "2.0.0-refkernel"
    assert plan["processes"] >= 1
    assert result["predicted_ms"] == plan["predicted_ms"] > 1
    uart = next(card for card in plan["cards"] if card["card"] == "uart")
    assert (uart["policy"], uart["old_drives"], uart["new_drives"]) == ("carry", True, True)
    assert small.board.machine.switchovers == 0


async def test_where_no_map_can_be_kept_is_said_beforehand(small: Guest, tmp_path: Path) -> None:
    image = tmp_path / "v2.elf"
    image.write_bytes(V2)
    for place in (tmp_path, tmp_path / "no" / "map"):
        words = f"no map can be kept at {place}"
        await refused_without_a_trace(small, image, words, save_map=str(place))
