"""What a card in machine code asks of the board: back end, timers, DMA, memory, a monitor."""

import struct

import pytest
import trio.testing

from hotswap.bus import (
    Backplane,
    BusError,
    CardError,
    DmaAcknowledge,
    HotswapError,
    PixelScreen,
    SavedState,
    StateError,
)
from hotswap.cards.elf import ElfCard, load_image
from hotswap.cards.elf.memory import WINDOWS_MAX
from hotswap.cpu import CodePool
from hotswap.host.board import Board
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .conftest import CARDS, Make

PORT = 0x300
WINDOW = 0xE000_0000
REGISTERS = 0xA_0000


@pytest.fixture
async def card(backplane: Backplane, make: Make) -> ElfCard:
    one = make("devices")
    await backplane.insert(one)
    return one


@pytest.fixture
async def boarded(board: Board, pool: CodePool) -> ElfCard:
    """The same on a board with a processor."""
    image = load_image((CARDS / "devices.o").read_bytes(), "devices.o")
    one = ElfCard(image, {}, pool.take())
    await board.backplane.insert(one)
    return one


async def test_bytes_that_come_in_go_through_the_card(
    card: ElfCard, virtual_clock: VirtualClock
) -> None:
    card.slot.input.feed(b"hello")
    await virtual_clock.advance(0)
    assert card.slot.output.take() == b"hello"
    card.slot.input.feed(bytes(range(200)))  # 64 at a time
    await virtual_clock.advance(1_000_000)
    assert card.slot.output.take() == bytes(range(200))


async def test_output_is_called_when_there_is_room_again(
    card: ElfCard, ports: Ports, virtual_clock: VirtualClock
) -> None:
    assert ports.read(PORT) == 0x00  # 65536 & 0xFF
    card.slot.output.write(bytes(card.slot.output.capacity))
    assert ports.read(PORT) == 0
    assert card.state.wants_room
    await virtual_clock.advance(1_000_000)
    assert ports.read(PORT + 1) == 0
    card.slot.output.take(10)
    await virtual_clock.advance(1_000_000)
    assert ports.read(PORT + 1) == 1
    assert not card.state.wants_room


async def test_a_timer_runs_out_at_its_time(
    card: ElfCard, ports: Ports, backplane: Backplane, virtual_clock: VirtualClock
) -> None:
    await virtual_clock.advance(0)
    ports.write(PORT + 4, 3)
    await virtual_clock.advance(2_999_999)
    assert not backplane.irq.levels[5]
    await virtual_clock.advance(1)
    assert backplane.irq.levels[5]
    assert ports.read(PORT + 4) == 1
    await virtual_clock.advance(10_000_000)
    assert ports.read(PORT + 4) == 1


async def test_its_memory_window_reaches_it(card: ElfCard, backplane: Backplane) -> None:
    backplane.memory_write(REGISTERS + 7, 2, 0x2211)  # an 8-bit card: two cycles
    assert [backplane.memory_read(REGISTERS + at, 1) for at in (7, 8)] == [0x11, 0x22]


async def test_dma_calls_it_with_its_own_number_of_the_line(
    card: ElfCard, ports: Ports, backplane: Backplane
) -> None:
    backplane.memory_write(REGISTERS, 1, 0xA5)
    ports.write(PORT + 1, 3)  # DRQ 3, the second one, high
    assert backplane.drq.levels[3]
    wire = backplane.acknowledge_dma(3)
    assert wire.read(3) == b"\xa5\0\0"
    assert not backplane.drq.levels[3]
    assert backplane.acknowledge_dma(1).write(b"\x42\x43", True) == 2
    wire.end()
    assert ports.read(PORT + 2) == 0b0001_0010
    assert ports.read(PORT + 3) == 102
    assert backplane.memory_read(REGISTERS + 1, 1) == 0x43


async def test_a_transfer_of_more_than_was_asked_for_is_a_fault(
    card: ElfCard, ports: Ports, backplane: Backplane
) -> None:
    ports.write(PORT, 1)
    wire: DmaAcknowledge = backplane.acknowledge_dma(1)
    assert wire.read(4) == b""
    assert card.slot.fault is not None
    assert "it moved 5 bytes of 4, during a DMA read of 4 bytes on DRQ 1" in card.slot.fault.what


async def test_without_a_processor_there_is_no_memory_to_share(card: ElfCard, ports: Ports) -> None:
    assert ports.read(PORT + 5) == 0xFF
    with pytest.raises(BusError, match="has not said what its monitor shows"):
        card.screen()


async def test_guest_and_card_share_memory_and_the_monitor_shows_it(
    board: Board, boarded: ElfCard
) -> None:
    ports = Ports(board.backplane)
    view, _ = boarded.host.windows[WINDOW]
    view[0:4] = b"\x01\x02\x03\x00"  # as the guest would: B, G, R
    view[5] = 0x77
    assert ports.read(PORT + 5) == 0x77
    ports.write(PORT + 5, 0x99)
    assert view[5] == 0x99
    screen = board.backplane.screen()
    assert isinstance(screen, PixelScreen)
    assert (screen.width, screen.height) == (16, 8)
    assert screen.rgb[:3] == b"\x03\x02\x01"
    saved = boarded.save()
    view[0:16] = bytes(16)
    boarded.load(saved)
    assert boarded.save() == saved
    assert bytes(view[0:4]) == b"\x01\x02\x03\x00"


@pytest.mark.parametrize("more", [0, 0x1000])
async def test_all_its_windows_together_have_a_limit(
    board: Board, pool: CodePool, more: int
) -> None:
    content = (CARDS / "devices.o").read_bytes()
    size = WINDOWS_MAX + more
    for before in (struct.pack("<II", WINDOW, 0x4000), b"\x68" + struct.pack("<I", 0x4000)):
        assert content.count(before) == 1  # in its resources, and where plugged() asks for it
        content = content.replace(before, before[:-4] + struct.pack("<I", size))
    one = ElfCard(load_image(content, "devices.o"), {}, pool.take())
    if not more:
        await board.backplane.insert(one)
        assert len(one.host.windows[WINDOW][0]) == WINDOWS_MAX
        return
    with pytest.raises(CardError, match=r"hotswap_map_ram: 0x1001000 bytes .* may have 0x1000000"):
        await board.backplane.insert(one)


async def test_where_memory_cannot_be_shared_the_card_before_keeps_what_it_has(
    board: Board, boarded: ElfCard, pool: CodePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(view: memoryview) -> int:
        raise HotswapError("there is no room for more windows")

    def too_new(saved: SavedState) -> None:
        raise StateError("too new")

    slot = boarded.slot
    view, _ = boarded.host.windows[WINDOW]
    image = load_image((CARDS / "devices.o").read_bytes(), "devices.o")
    new = ElfCard(image, {}, pool.take())
    monkeypatch.setattr(new.memory, "share", no_room)
    monkeypatch.setattr(new, "adopt", too_new)
    with pytest.raises(CardError, match=r"too new; card .* goes on"):
        await board.backplane.replace(slot.number, new)
    new.close()
    assert slot.mapped[WINDOW] is view
    await board.backplane.remove(slot.number)
    assert slot.number not in board.backplane.slots


async def test_a_bus_master_reaches_ram_and_nothing_else(board: Board, boarded: ElfCard) -> None:
    ports = Ports(board.backplane)
    memory = board.backplane.memory
    assert memory is not None
    memory.write_memory(0x20000, b"from RAM")
    ports.write(PORT + 2, 2)
    assert ports.read(PORT + 6) == 0  # 100h bytes, & FFh
    assert boarded.memory_read(REGISTERS, 1) == ord("f")
    ports.write(PORT + 3, 3)
    assert memory.read_memory(0x30000, 8) == b"from RAM"
    ports.write(PORT + 2, 0xB)  # the adapters' window at B0000h
    assert not boarded.slot.fault


async def test_only_a_card_that_shows_something_has_a_connector_for_a_monitor(
    backplane: Backplane, make: Make
) -> None:
    await backplane.insert(make("counter"))
    await trio.testing.wait_all_tasks_blocked()
    with pytest.raises(BusError, match="no card with a screen"):
        backplane.screen()
