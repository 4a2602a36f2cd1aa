"""Snapshots of machines with disks: loaded with exactly the disks they had, or not at all."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import SECTOR, Disk, MediaError
from hotswap.host.assembly import assemble
from hotswap.host.board import Board, BoardConfig, open_board
from hotswap.host.cables import Cable, open_cables
from hotswap.host.machine import open_machine
from hotswap.host.machine_file import check
from hotswap.host.snapshot import (
    Snapshot,
    open_restored,
    read_snapshot,
    take_snapshot,
    write_snapshot,
)
from hotswap.host.snapshot_elf import SnapshotError
from hotswap.host.snapshot_state import cables_of, facts

SPIN = b"\xeb\xfe"  # jmp to itself
SIZE = 1008 * SECTOR
MACHINE = """
    machine.clock = "instructions"
    [boot]
    flat = "flat"
    [[serial]]
    to = "none"
    [[serial]]
    to = "com2"
    [[network]]
    to = "hub:x"
    capture = "frames"
    [[disk]]
    image = "image"
    overlay = "overlay"
    [[disk]]
    image = "plain"
"""


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Board]:
    """A machine with two disks and the like, whose guest does nothing with them."""
    (folder / "flat").write_bytes(SPIN)
    for name in ("image", "plain"):
        (folder / name).write_bytes(name[:1].encode() * SIZE)
    assembly = assemble(check(tomllib.loads(MACHINE), folder))
    async with open_machine(assembly, await open_cables(assembly.cables)) as board:
        yield board


def disks(board: Board) -> list[Disk]:
    return board.slot("ide").disks


async def saved(folder: Path) -> Snapshot:
    """A snapshot, by way of a file, of a machine that has written on both disks."""
    async with running(folder) as board:
        disks(board)[0].write(5, b"X" * SECTOR)
        disks(board)[1].write(6, b"Y" * SECTOR)
        snapshot = await take_snapshot(board)
    write_snapshot(folder / "saved", snapshot)
    return read_snapshot(folder / "saved")


async def test_a_machine_finds_its_disks_again(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    async with open_restored(snapshot) as board:
        first, second = disks(board)
        assert first.read(4, 2) == b"i" * SECTOR + b"X" * SECTOR
        assert second.read(5, 2) == b"p" * SECTOR + b"Y" * SECTOR
        second.write(7, b"Z" * SECTOR)
        again = await take_snapshot(board)
    assert again.machine.cards[-1].disks == snapshot.machine.cards[-1].disks
    assert (tmp_path / "plain").read_bytes()[7 * SECTOR : 8 * SECTOR] == b"Z" * SECTOR


async def test_the_disks_are_free_again_when_the_machine_is_gone(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    for _ in range(2):
        async with open_restored(snapshot) as board:
            assert disks(board)[0].medium is not None


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"!")


@pytest.mark.parametrize(
    ("name", "spoil", "words"),
    [
        ("plain", overwrite, r"plain: has changed since the machine was saved.*--moved OLD=NEW"),
        ("overlay", overwrite, r"overlay: has changed since the machine was saved"),
        ("image", overwrite, r"overlay: was made for an image with other content than .*image"),
        ("plain", Path.unlink, r"plain: a disk of the saved machine is not there.*--moved OLD=NEW"),
        ("overlay", Path.unlink, r"overlay: a disk of the saved machine is not there"),
    ],
)
async def test_a_disk_that_is_not_as_it_was_is_refused_with_the_reason(
    name: str, spoil: Callable[[Path], None], words: str, tmp_path: Path
) -> None:
    snapshot = await saved(tmp_path)
    spoil(tmp_path / name)
    with pytest.raises((SnapshotError, MediaError), match=words):
        async with open_restored(snapshot):
            pytest.fail("the machine was restored")
    assert (name in names(tmp_path)) == (spoil is overwrite), "one was made"


async def test_disks_that_were_moved_can_be_named(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    moved: dict[Path, Path] = {}
    for name in ("image", "overlay", "plain"):
        moved[tmp_path / name] = tmp_path / f"{name} elsewhere"
        shutil.copy(tmp_path / name, tmp_path / f"{name} elsewhere")
        (tmp_path / name).unlink()
    async with open_restored(snapshot, moved=moved) as board:
        assert disks(board)[0].read(5, 1) == b"X" * SECTOR
        assert disks(board)[1].read(6, 1) == b"Y" * SECTOR


async def test_only_disks_can_have_been_moved(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    with pytest.raises(SnapshotError, match=r"/nowhere: is no disk of the saved machine"):
        async with open_restored(snapshot, moved={Path("/nowhere"): tmp_path / "plain"}):
            pytest.fail("the machine was restored")


async def test_a_disk_that_was_in_no_file_cannot_be_had_again(tmp_path: Path) -> None:
    class Memory:
        sectors, read_only, identity = 1, False, "memory 0"

        def read(self, lba: int, count: int) -> bytes:
            return bytes(SECTOR * count)

        def write(self, lba: int, content: bytes) -> None: ...

        def flush(self) -> None: ...

    async with open_board(BoardConfig(deterministic=True)) as board:
        (disk,) = (await board.plug_in("ide")).disks[:1]
        disk.change(Memory())
        snapshot = await take_snapshot(board)
    with pytest.raises(SnapshotError, match="was in no file"):
        async with open_restored(snapshot):
            pytest.fail("the machine was restored")


async def test_what_the_ports_led_to_is_connected_again(tmp_path: Path) -> None:
    machine = (await saved(tmp_path)).machine
    titles = {card.slot: card.name for card in machine.cards}
    com1, com2 = (slot for slot, name in sorted(titles.items()) if name == "uart")
    network = next(slot for slot, name in titles.items() if name == "ne2000")
    cables = cables_of(machine, "pty", only_serial=False)
    assert cables == {
        com1: Cable("pty", "serial"),
        com2: Cable(str(tmp_path / "com2"), "serial"),
        network: Cable("hub:x", capture=str(tmp_path / "frames")),
    }
    assert cables_of(machine, "pty", only_serial=True) == {com1: Cable("pty", "serial")}


async def test_a_restored_port_sends_where_it_sent_before(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    cables = await open_cables(cables_of(snapshot.machine, "none", only_serial=False))
    async with open_restored(snapshot, cables=cables) as board:
        com2 = sorted(n for n, slot in board.backplane.slots.items() if slot.title == "uart")[1]
        board.backplane.find(com2).output.write(b"once more")
        await board.drain(seconds=5)
        await wait_all_tasks_blocked()
    assert (tmp_path / "com2").read_bytes() == b"once more"


async def test_info_says_which_files_the_disks_are(tmp_path: Path) -> None:
    snapshot = await saved(tmp_path)
    (said,) = (card["disks"] for card in facts(snapshot.machine)["cards"] if card["disks"])
    assert said == f"{tmp_path}/image + {tmp_path}/overlay, {tmp_path}/plain"
