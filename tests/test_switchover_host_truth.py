"""Level 3 of a map: its clock is the card's, its cards are those inserted, its frames unchanged."""

import zlib

import pytest

from hotswap.bus import Policy
from hotswap.host.board import Board
from hotswap.switchover.errors import MapError
from hotswap.switchover.faults import Fault
from hotswap.switchover.host_truth import POLICIES, hold_cards, hold_checksums, hold_clock
from hotswap.switchover.memory import Span
from hotswap.switchover.records import Dev, DevPolicy
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.transcript import Transcript, complete

NOW = 9_000_000_000  # when fit_map was written, ns


@pytest.mark.parametrize(("asked", "now"), [(NOW, NOW), (NOW - 1, NOW), (NOW, NOW + 1)])
def test_a_map_written_since_it_was_asked_for_is_fit(
    fit_map: SaveStateMap, asked: int, now: int
) -> None:
    hold_clock(fit_map, asked, now)


@pytest.mark.parametrize(("asked", "now"), [(NOW + 1, NOW + 9), (NOW - 9, NOW - 1)])
def test_a_map_of_another_time_is_refused(fit_map: SaveStateMap, asked: int, now: int) -> None:
    with pytest.raises(MapError, match=f"L3 CLOCK: section TIME: mono_ns {NOW}"):
        hold_clock(fit_map, asked, now)


@pytest.fixture
async def completed(fit_map: SaveStateMap, board: Board) -> SaveStateMap:
    """The map with the cards of a board."""
    fit_map.dev = []
    content = write(fit_map)
    script = Transcript(read(content), content, Span("the map", 0, 1 << 20))
    return read(complete(script, board.backplane))


async def test_a_map_the_host_has_completed_has_the_cards(
    completed: SaveStateMap, board: Board
) -> None:
    hold_cards(completed, board.backplane)
    assert [dev.dev_id for dev in completed.dev] == sorted(board.backplane.slots)


async def test_a_card_that_is_missing_or_twice_or_in_no_slot_is_named(
    completed: SaveStateMap, board: Board
) -> None:
    found = completed.dev.pop()
    with pytest.raises(MapError, match=f"L3 CARDS: section DEV dev_id {found.dev_id}.* is missing"):
        hold_cards(completed, board.backplane)
    completed.dev += [found, found]
    with pytest.raises(MapError, match="twice in the map"):
        hold_cards(completed, board.backplane)
    completed.dev[-1] = Dev(99, driver=b"ghost")
    with pytest.raises(MapError, match="dev_id 99: ghost is in no slot"):
        hold_cards(completed, board.backplane)


@pytest.mark.parametrize(("name", "value"), [("driver", b"ghost"), ("policy", DevPolicy.REFUSE)])
async def test_another_card_in_a_slot_is_named(
    completed: SaveStateMap, board: Board, name: str, value: object
) -> None:
    setattr(completed.dev[0], name, value)
    with pytest.raises(MapError, match=r"L3 CARDS: .* slot .* holds"):
        hold_cards(completed, board.backplane)


async def test_a_kernel_does_not_write_of_cards(fit_map: SaveStateMap, board: Board) -> None:
    content = write(fit_map)  # has a DEV record
    script = Transcript(read(content), content, Span("the map", 0, 1 << 20))
    with pytest.raises(MapError) as caught:
        complete(script, board.backplane)
    assert caught.value.code is Fault.CARDS


def test_policies_have_the_numbers_of_the_schema() -> None:
    assert [policy.name for policy in POLICIES] == [number.name for number in DevPolicy]
    assert set(POLICIES) == set(Policy)


def test_frames_are_held_against_their_checksums_where_there_is_one(fit_map: SaveStateMap) -> None:
    pages = {0x300000: b"\1" * 4096, 0x1801000: b"\2" * 8192}
    for frame in fit_map.frame:
        frame.crc = zlib.crc32(pages[frame.paddr]) if frame.paddr in pages else 0

    def memory(address: int, size: int) -> bytes:
        assert len(pages[address]) == size
        return pages[address]

    hold_checksums(fit_map, memory)
    pages[0x1801000] = b"\2" * 8191 + b"\3"
    with pytest.raises(MapError, match="L3 FRAME_CRC: section FRAME pid 1 vaddr 0x8048000"):
        hold_checksums(fit_map, memory)
