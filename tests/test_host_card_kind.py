"""Cards in object files, wherever a card is named: inserted, replaced, saved, and forked."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import BusError
from hotswap.cards.elf import ElfCard, ElfError
from hotswap.cards.elf.card import Work
from hotswap.host.board import Board
from hotswap.host.card_changes import insert_card, remove_card, replace_card
from hotswap.host.card_kind import fetch_kind, kind_of
from hotswap.host.card_report import card_rows, offered
from hotswap.host.control import Request
from hotswap.host.elf_cards import file_of
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.operator import answer_for
from hotswap.host.plugin_fence import PluginError
from hotswap.host.rehearsal import rehearse
from hotswap.host.sandbox import SandboxPool, missing
from hotswap.host.snapshot import go_on, open_restored, read_snapshot, take_snapshot, write_snapshot
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options

COUNTER = Path(__file__).parent / "elf" / "counter.o"
UART = Path(__file__).parents[1] / "examples" / "uart16550" / "uart16550.o"
COUNT, LATCH = 0x300, 0x302
OPTIONS = Options(patience=PATIENCE)


def read(board: Board, port: int) -> int:
    return board.backplane.io.reads[1][port](port, 1)


async def ask(board: Board, op: Any, **fields: Any) -> Any:
    reply = await answer_for(board)(Request(op, **fields), lambda event: None)
    assert reply.ok
    return reply.result


@pytest.fixture
def sandbox(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes for cards, which may be late: hosts of tests are busy."""
    if lacks := missing():
        pytest.skip(f"NOT TESTED: no sandbox here: {lacks}")
    monkeypatch.setattr(
        "hotswap.host.card_engines.SandboxPool",
        lambda deadline: SandboxPool(deadline=max(deadline, 1_000_000_000)),
    )


async def test_a_card_in_a_file_is_inserted_and_listed(board: Board) -> None:
    row = await ask(board, "card_insert", card=str(COUNTER), slot=30)
    assert (row["name"], row["implementation"], row["version"]) == ("counter", "elf", "1.0")
    assert row["resources"]["ports"] == ["0x0300-0x0303"]
    assert [read(board, COUNT) for _ in range(3)] == [1, 2, 3]
    assert [row.slot for row in card_rows(board) if row.implementation == "elf"] == [30]


async def test_one_in_a_process_of_its_own_is_named_so_and_ends_with_its_removal(
    board: Board, tmp_path: Path, sandbox: None
) -> None:
    row = await ask(board, "card_insert", card=str(COUNTER), slot=30, sandbox="process")
    assert row["implementation"] == "elf-process"
    assert [read(board, COUNT) for _ in range(3)] == [1, 2, 3]
    await board.pause()
    write_snapshot(tmp_path / "s", await take_snapshot(board))
    row = await ask(board, "card_replace", card="30", new=str(COUNTER), sandbox="engine")
    assert row["implementation"] == "elf"
    assert read(board, COUNT) == 4
    async with open_restored(read_snapshot(tmp_path / "s")) as other:
        assert card_rows(other)[-1].implementation == "elf-process"
        assert read(other, COUNT) == 4


async def test_the_second_of_them_has_the_second_of_its_places(board: Board) -> None:
    await insert_card(board, str(COUNTER))
    slot = await insert_card(board, str(COUNTER))
    assert slot.resources.ports[0].start == 0x310
    with pytest.raises(BusError, match=r"none of its 2 alternatives is free.*0x0300.*0x0310"):
        await insert_card(board, str(COUNTER))


async def test_engines_of_cards_that_were_refused_or_pulled_serve_the_next(board: Board) -> None:
    slot = await insert_card(board, str(COUNTER), number=30)
    with pytest.raises(BusError, match="slot 30 holds card counter"):
        await insert_card(board, str(COUNTER), number=30)
    card = slot.card
    assert isinstance(card, ElfCard)
    pool = board.engines.here
    assert pool is not None
    assert pool.taken == 1
    await remove_card(board, "30")
    await wait_all_tasks_blocked()
    assert pool.taken == 0
    for _ in range(3):
        await insert_card(board, str(COUNTER), number=30)
        await remove_card(board, "30")
        await wait_all_tasks_blocked()
    assert (pool.taken, pool.made) == (0, 2)


async def test_what_is_wrong_with_a_file_is_said_and_nothing_leased(
    board: Board, tmp_path: Path
) -> None:
    before = card_rows(board)
    (tmp_path / "bad.o").write_bytes(b"\x7fELF")
    for name, said in (("bad.o", "bad.o: "), ("none.o", "No such file or directory; give")):
        with pytest.raises(ElfError, match=said):
            await insert_card(board, str(tmp_path / name))
    with pytest.raises(BusError, match="counter has no such setting"):
        await insert_card(board, str(COUNTER), settings={"x": "1"})
    assert card_rows(board) == before


def test_info_of_a_file_is_that_of_its_descriptor() -> None:
    info = offered(str(UART))
    assert (info.name, info.implementation) == ("uart", "elf")
    assert info.resources[0].ports == ["0x03f8-0x03ff"]
    assert offered(str(COUNTER)).resources[1].irqs == [7]


async def test_a_kind_is_the_same_however_it_is_asked_for() -> None:
    for word in ("uart", str(COUNTER)):
        one, other = kind_of(word), await fetch_kind(word)
        assert (one.name, one.elf) == (other.name, other.elf)


async def test_python_and_c_take_turns(board: Board) -> None:
    board.backplane.io.writes[1][0x3FF](0x3FF, 1, 0x5A)  # the scratch register
    board.serial.output.write(b"not sent yet")
    output = board.serial.output
    for implementation, word in (("elf", str(UART)), ("python", "uart"), ("elf", str(UART))):
        row = await ask(board, "card_replace", card="uart", new=word)
        assert row["implementation"] == implementation
        assert read(board, 0x3FF) == 0x5A
        assert board.serial.output is output
    assert output.take() == b"not sent yet"


# -- wherever the machine goes ------------------------------------------------------------------


def vanish(file: Path) -> None:
    file.unlink()


async def counting(board: Board, tmp_path: Path) -> None:
    """A machine with an inserted card in a file that is not there any more."""
    guest = Guest(board)
    guest.boot(["registers:1"], hold=True, stay=True)
    await guest.reported()
    file = Path(shutil.copy(COUNTER, tmp_path / "mine.o"))
    slot = await insert_card(board, str(file), number=30)
    assert read(board, COUNT) == 1
    slot.post(Work(ord("x"), 5))
    vanish(file)
    await remove_card(board, "post")


async def test_a_snapshot_has_the_card_whole(board: Board, tmp_path: Path) -> None:
    await counting(board, tmp_path)
    await board.pause()
    write_snapshot(tmp_path / "s", await take_snapshot(board))
    async with open_restored(read_snapshot(tmp_path / "s")) as other:
        assert [row.name for row in card_rows(other)] == [row.name for row in card_rows(board)]
        file = file_of(other.backplane.find(30).card)
        assert file is not None
        assert (file.name, file.content) == ("mine.o", COUNTER.read_bytes())
        go_on(other, read_snapshot(tmp_path / "s"))
        assert read(other, COUNT) == 7  # 1 it had, 5 by its work, 1 by this cycle


async def test_a_rehearsal_and_the_switchover_have_the_card(board: Board, tmp_path: Path) -> None:
    await counting(board, tmp_path)
    rehearsed = await rehearse(board, refkernel(2), OPTIONS)
    assert rehearsed.outcome == "rehearsed ok", rehearsed.reason
    assert read(board, COUNT) == 7  # that of the fork is another
    report = await Switchover(board.machine, refkernel(2), OPTIONS).run()
    assert report.outcome == "committed"
    assert read(board, COUNT) == 8


async def test_another_build_takes_over(board: Board, tmp_path: Path) -> None:
    await counting(board, tmp_path)
    slot = await replace_card(board, "counter", str(COUNTER))
    await wait_all_tasks_blocked()
    assert slot.number == 30
    assert read(board, COUNT) == 7


async def test_cards_are_changed_while_a_rehearsal_is_under_way(
    board: Board, tmp_path: Path
) -> None:
    await counting(board, tmp_path)
    forked = trio.Event()
    outcomes: list[str] = []

    async def rehearsal() -> None:
        found = await rehearse(board, refkernel(2), OPTIONS, lambda event: forked.set())
        outcomes.append(found.outcome)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rehearsal)
        await forked.wait()
        await insert_card(board, "lpt")
        await remove_card(board, "counter")
        assert outcomes == []
    assert outcomes == ["rehearsed ok"]
    names = {row.name for row in card_rows(board)}
    assert "lpt" in names
    assert "counter" not in names


async def test_a_replacement_of_one_in_a_process_runs_in_one_unless_told_otherwise(
    board: Board, sandbox: None
) -> None:
    await ask(board, "card_insert", card=str(COUNTER), slot=30, sandbox="process")
    for given, runs in ((None, "elf-process"), ("engine", "elf"), (None, "elf")):
        row = await ask(board, "card_replace", card="30", new=str(COUNTER), sandbox=given)
        assert row["implementation"] == runs


async def test_a_sandbox_is_for_files() -> None:
    said = "card uart: sandbox process is for cards in ELF files; this one is in Python"
    with pytest.raises(PluginError, match=said):
        kind_of("uart", "process")
    with pytest.raises(PluginError, match=said):
        await fetch_kind("uart", "process")


def test_a_file_that_is_no_card_is_named_with_its_folder(tmp_path: Path) -> None:
    (tmp_path / "bad.o").write_bytes(b"text")
    with pytest.raises(ElfError, match=rf"^{tmp_path}/bad\.o: no ELF file"):
        kind_of(str(tmp_path / "bad.o"))
