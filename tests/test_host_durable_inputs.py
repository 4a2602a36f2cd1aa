"""What has come in since R1 is read back whole, in order, up to where a kill cut it short."""

from __future__ import annotations

import os
import resource
from pathlib import Path

from structlog.testing import capture_logs

from hotswap.bus import Backplane
from hotswap.host.discovery import make_card
from hotswap.host.durable_inputs import ID, InputJournal, read_inputs

POINT = bytes(range(ID))


async def typed(backplane: Backplane, path: Path, *, append: bool = False) -> InputJournal:
    journal = InputJournal(path, POINT, append=append)
    journal.listen(backplane)
    return journal


async def test_inputs_come_back_in_order_by_slot(backplane: Backplane, tmp_path: Path) -> None:
    one = await backplane.insert(make_card("uart"))
    two = await backplane.insert(make_card("kbc"))
    journal = await typed(backplane, tmp_path / "inputs")
    one.input.feed(b"ab")
    two.input.feed(b"\x1c")
    one.input.feed(b"c")
    assert read_inputs(tmp_path / "inputs", POINT) == [(0, b"ab"), (1, b"\x1c"), (0, b"c")]
    journal.close()
    one.input.feed(b"after the release")
    assert len(read_inputs(tmp_path / "inputs", POINT)) == 3


async def test_a_piece_cut_short_is_passed_over_and_written_over(
    backplane: Backplane, tmp_path: Path
) -> None:
    path = tmp_path / "inputs"
    slot = await backplane.insert(make_card("uart"))
    journal = await typed(backplane, path)
    slot.input.feed(b"whole")
    end = path.stat().st_size
    slot.input.feed(b"half")
    journal.close()
    for size in range(end, path.stat().st_size):
        os.truncate(path, size)
        assert read_inputs(path, POINT) == [(0, b"whole")]
    journal = await typed(backplane, path, append=True)
    slot.input.feed(b"more")
    assert read_inputs(path, POINT) == [(0, b"whole"), (0, b"more")]
    journal.close()


def test_the_inputs_of_another_r1_are_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "inputs"
    assert read_inputs(path, POINT) == []
    InputJournal(path, POINT).close()
    assert read_inputs(path, bytes(ID)) == []


async def test_a_folder_that_is_full_stops_the_record_and_not_the_machine(
    backplane: Backplane, tmp_path: Path
) -> None:
    path = tmp_path / "inputs"
    slot = await backplane.insert(make_card("uart"))
    journal = await typed(backplane, path)
    slot.input.feed(b"kept")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 8, before[1]))
    try:
        with capture_logs() as logged:
            slot.input.feed(b"not kept")
            slot.input.feed(b"nor this")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [entry["event"] for entry in logged] == ["input since R1 is not kept any more"]
    assert len(slot.input) == len(b"keptnot keptnor this")
    assert read_inputs(path, POINT) == [(0, b"kept")]
    journal.close()
