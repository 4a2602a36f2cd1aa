"""Snapshots: a machine from a file goes on exactly as the one that was saved."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import trio

from hotswap.bus import Card, PortRange, Resources, Slot, State
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.discovery import PluginError
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.snapshot import (
    Snapshot,
    go_on,
    open_restored,
    read_snapshot,
    take_snapshot,
    write_snapshot,
)
from hotswap.host.snapshot_elf import SnapshotError
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.options import Options

MS = 1_000_000
PROGRAMS = ["registers:100", "pipes:30", "sorter:2"]


def through_a_file(snapshot: Snapshot, path: Path) -> Snapshot:
    write_snapshot(path, snapshot)
    return read_snapshot(path)


@pytest.mark.parametrize("name", ["machine.snap", "machine.snap.zst"])
async def test_what_was_waiting_goes_out_and_what_came_in_is_read(
    name: str, board: Board, tmp_path: Path
) -> None:
    guest = Guest(board)
    guest.boot(["pipes:2"], stay=True)
    await guest.pass_time(20 * MS)
    board.serial.input.feed(b"more than the FIFO holds, so that some is not read yet")
    board.serial.output.hold()
    board.serial.output.write(b"not sent yet")
    snapshot = await take_snapshot(board)
    async with open_restored(through_a_file(snapshot, tmp_path / name)) as restored:
        waiting = restored.serial.card.state.fifo + restored.serial.input.read(99)
        assert waiting == b"more than the FIFO holds, so that some is not read yet"
        assert restored.serial.output.take().endswith(b"not sent yet")
        assert restored.processor.take_state() == snapshot.machine.cpu


async def test_a_machine_does_not_notice_that_it_is_saved() -> None:
    async def run(saves: int) -> bytes:
        async with open_board(BoardConfig(deterministic=True)) as board:
            board.backplane.io.trace(True)
            guest = Guest(board)
            guest.boot(PROGRAMS)
            for _ in range(5):
                await guest.pass_time(7 * MS)
                if saves:
                    await take_snapshot(board)
            await board.pause()
            return board.backplane.trace.digest()

    assert await run(1) == await run(0)


async def test_a_restored_machine_can_be_saved_again_and_is_the_same(
    guest: Guest, tmp_path: Path
) -> None:
    guest.boot(PROGRAMS)
    await guest.pass_time(15 * MS)
    await guest.board.pause()
    first = await take_snapshot(guest.board)
    async with open_restored(through_a_file(first, tmp_path / "a")) as board:
        await board.pause()
        go_on(board, first)
        second = await take_snapshot(board)
    again = msgspec.structs.replace(second.machine, taken_at=first.machine.taken_at)
    for name, value in msgspec.structs.asdict(first.machine).items():
        assert getattr(again, name) == value, name
    assert first.ram == second.ram


async def test_a_restored_kernel_can_be_replaced(guest: Guest, tmp_path: Path) -> None:
    guest.boot(["pipes:12", "sorter:3"])
    await guest.pass_time(15 * MS)
    snapshot = through_a_file(await take_snapshot(guest.board), tmp_path / "a")
    async with open_restored(snapshot) as board:
        other = Guest(board)
        other.programs = guest.programs
        other.text = guest.text
        other.listen()
        go_on(board, snapshot)
        report = await switch_over(board.machine, refkernel(2), Options(patience=PATIENCE))
        assert report.outcome == "committed"
        words = await other.reported()
    assert all(word.startswith("ok") for word in words.values()), words


async def test_a_machine_in_real_time_goes_on_at_the_time_it_was_saved(tmp_path: Path) -> None:
    async with open_board(BoardConfig(deterministic=False)) as board:
        guest = Guest(board)
        guest.boot(["pipes:5"])
        await guest.expect("pipes")
        snapshot = through_a_file(await take_snapshot(board), tmp_path / "a")
        began = trio.current_time()
    async with open_restored(snapshot) as board:
        other = Guest(board)
        other.text, other.programs = guest.text, guest.programs
        other.listen()
        go_on(board, snapshot)
        assert board.backplane.clock.now() - snapshot.machine.time_ns < 1000 * MS
        await other.reported()
        assert trio.current_time() - began < 100


async def test_a_snapshot_is_refused_during_a_switchover_and_disturbs_nothing(
    guest: Guest,
) -> None:
    guest.boot(["pipes:20"])
    await guest.pass_time(10 * MS)
    refusals: list[str] = []

    async def switch() -> None:
        await switch_over(guest.board.machine, refkernel(2), Options(patience=PATIENCE))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(switch)
        while guest.board.backplane.locked_by is None:
            await trio.lowlevel.checkpoint()
        try:
            await take_snapshot(guest.board)
        except Exception as error:
            refusals.append(str(error))
    assert "switchover 1 is under way" in refusals[0]
    assert (await guest.reported())["pipes"].startswith("ok")


# -- refusals ---------------------------------------------------------------------------------


class Secret(State):
    """Of a card that no entry point names."""


class Private(Card[Secret]):
    name = "private"
    ports = PortRange(0x360, 1)
    state_type = Secret


class Unnamed(Card[Secret]):
    name = "unnamed"
    ports = PortRange(0x368, 1)
    state_type = Secret

    async def run(self, slot: Slot) -> None:
        await trio.sleep_forever()


CHOOSER = """
from hotswap.bus import Card, PortRange, Resources, Settings, State, hookimpl

class ChooserSettings(Settings, frozen=True):
    colour: str = "red"

class Chooser(Card[State]):
    name, state_type, settings_type = "chooser", State, ChooserSettings
    settable = frozenset({"colour"})

    def alternatives(self):
        return [Resources(ports=(PortRange(base, 2),)) for base in (0x300, 0x310)]

@hookimpl
def hotswap_card(name):
    return Chooser
"""


async def test_a_card_is_where_it_was_and_set_as_it_was(
    board: Board, tmp_path: Path, install: Callable[[str, str], None]
) -> None:
    install("chooser", CHOOSER)
    first, second = [await board.plug_in("chooser") for _ in range(2)]
    board.backplane.change(second.number, type(second.card.settings)(colour="blue"))
    await board.backplane.remove(first.number)
    await board.pause()
    snapshot = await take_snapshot(board)
    async with open_restored(through_a_file(snapshot, tmp_path / "machine")) as restored:
        again = restored.backplane.find(second.number)
        assert again.resources == Resources(ports=(PortRange(0x310, 2),))
        assert again.card.settings.colour == "blue"


async def test_an_unknown_card_is_refused_by_name(board: Board, tmp_path: Path) -> None:
    await board.backplane.insert(Private())
    snapshot = through_a_file(await take_snapshot(board), tmp_path / "a")
    with pytest.raises(PluginError, match="no card is called 'private'"):
        await raised_by_restoring(snapshot)


async def test_a_card_state_of_a_newer_card_is_refused(board: Board) -> None:
    snapshot = await take_snapshot(board)
    newer = [
        msgspec.structs.replace(card, state=msgspec.structs.replace(card.state, version=99))
        for card in snapshot.machine.cards
    ]
    machine = msgspec.structs.replace(snapshot.machine, cards=newer)
    with pytest.raises(Exception, match="card pic: state version 99 is newer"):
        await raised_by_restoring(snapshot._replace(machine=machine))


async def raised_by_restoring(snapshot: Snapshot) -> None:
    """The error itself, out of the nurseries' groups."""
    try:
        async with open_restored(snapshot):
            pass
    except BaseExceptionGroup as group:
        error: BaseException = group
        while isinstance(error, BaseExceptionGroup):
            assert len(error.exceptions) == 1
            error = error.exceptions[0]
        raise error from None


@pytest.mark.parametrize(("field", "value"), [("ram_size", 32 << 20), ("cpu", "586")])
async def test_ram_or_cpu_that_are_not_the_machines_are_refused(
    field: str, value: object, board: Board, tmp_path: Path
) -> None:
    snapshot = await take_snapshot(board)
    if field == "cpu":
        value = msgspec.structs.replace(snapshot.machine.cpu, model=value)
    machine = msgspec.structs.replace(snapshot.machine, **{field: value})
    with pytest.raises(SnapshotError, match="RAM or CPU are not those of its machine"):
        through_a_file(snapshot._replace(machine=machine), tmp_path / "a")


async def test_a_command_that_cannot_be_named_is_refused_when_saving(board: Board) -> None:
    class Local(msgspec.Struct):
        pass

    slot = await board.backplane.insert(Unnamed())
    slot.commands.post(Local())
    with pytest.raises(SnapshotError, match="command of type Local cannot be saved"):
        await take_snapshot(board)
    assert not board.paused
    assert not board.backplane.frozen


async def test_what_cannot_be_written_says_so_and_leaves_nothing(
    board: Board, tmp_path: Path
) -> None:
    snapshot = await take_snapshot(board)
    with pytest.raises(SnapshotError, match="cannot be written"):
        write_snapshot(tmp_path / "missing" / "a", snapshot)
    await trio.Path(tmp_path / "folder").mkdir()
    with pytest.raises(SnapshotError, match="cannot be written"):
        write_snapshot(tmp_path / "folder", snapshot)
    assert [path.name for path in await trio.Path(tmp_path).iterdir()] == ["folder"]
