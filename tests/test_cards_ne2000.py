"""The NE2000, as a driver programs it."""

from __future__ import annotations

import msgspec
import pytest
from trio.testing import wait_all_tasks_blocked as settle

from hotswap.bus import Backplane, BusError, Policy, Slot
from hotswap.cards.ne2000 import Ne2000, Ne2000Settings
from hotswap.host.discovery import PluginError, make_card
from hotswap.host.pytest_plugin import Ports

BASE = 0x300
CR, DATA, RESET = 0x00, 0x10, 0x1F
PSTART, PSTOP, BNRY, TPSR, TBCR0, TBCR1, ISR, RSAR0, RSAR1 = 1, 2, 3, 4, 5, 6, 7, 8, 9
RBCR0, RBCR1, RCR, TCR, DCR, IMR = 10, 11, 12, 13, 14, 15
CURR = 7  # page 1
PRX, PTX, RXE, OVW, RDC, RST = 0x01, 0x02, 0x04, 0x10, 0x40, 0x80
FIRST, TX, STOP_PAGE = 0x46, 0x40, 0x80
MAC = bytes.fromhex("525400123456")


def frame(fill: int = 0, size: int = 60) -> bytes:
    return MAC + b"\x52\x54\0\0\0\1\x08\0" + bytes((fill,)) * (size - 14)


class Driver:
    """Does to the card what the NE2000 drivers of Linux do."""

    def __init__(self, slot: Slot, ports: Ports) -> None:
        self.slot, self.ports = slot, ports
        self.base: int = slot.card.settings.base

    def read(self, reg: int, width: int = 1) -> int:
        return self.ports.read(self.base + reg, width)

    def write(self, reg: int, value: int, width: int = 1) -> None:
        self.ports.write(self.base + reg, value, width)

    def write_all(self, *values: tuple[int, int]) -> None:
        for reg, value in values:
            self.write(reg, value)

    def start(self, *, imr: int = PRX | PTX | RXE | OVW, dcr: int = 0x49) -> None:
        """Words, the ring from page 0x46 to 0x7f, own address and broadcasts."""
        self.write_all(
            (CR, 0x21), (DCR, dcr), (RBCR0, 0), (RBCR1, 0), (RCR, 0x20), (TCR, 0x02),
            (TPSR, TX), (PSTART, FIRST), (BNRY, FIRST), (PSTOP, STOP_PAGE), (ISR, 0xFF),
            (IMR, imr), (CR, 0x61),
        )  # fmt: skip
        for at, byte in enumerate(MAC):
            self.write(1 + at, byte)
        for at in range(8):
            self.write(8 + at, 0xFF)
        self.write_all((CURR, FIRST + 1), (CR, 0x22), (TCR, 0x00), (RCR, 0x04))

    def _remote(self, at: int, size: int, command: int) -> None:
        self.write_all(
            (CR, 0x22), (RBCR0, size & 0xFF), (RBCR1, size >> 8), (RSAR0, at & 0xFF),
            (RSAR1, at >> 8), (CR, command),
        )  # fmt: skip

    def fetch(self, at: int, size: int) -> bytes:
        """Remote read, in words."""
        self._remote(at, size, 0x0A)
        words = [self.read(DATA, 2) for _ in range((size + 1) // 2)]
        self.write(ISR, RDC)
        return b"".join(word.to_bytes(2, "little") for word in words)[:size]

    def store(self, at: int, data: bytes) -> None:
        """Remote write, in words."""
        self._remote(at, len(data), 0x12)
        for word in range(0, len(data), 2):
            self.write(DATA, int.from_bytes(data[word : word + 2], "little"), 2)
        assert self.read(ISR) & RDC
        self.write(ISR, RDC)

    def send(self, data: bytes) -> None:
        self.store(TX << 8, data)
        self.write_all((TPSR, TX), (TBCR0, len(data) & 0xFF), (TBCR1, len(data) >> 8), (CR, 0x26))

    def receive(self) -> bytes | None:
        """Take the next frame out of the ring."""
        self.write(CR, 0x62)
        curr = self.read(CURR)
        self.write(CR, 0x22)
        page = self.read(BNRY) + 1
        page = FIRST if page == STOP_PAGE else page
        if page == curr:
            return None
        _, following, *size = self.fetch(page << 8, 4)
        data = self.fetch((page << 8) + 4, int.from_bytes(bytes(size), "little") - 4)
        self.write(BNRY, (following if following > FIRST else STOP_PAGE) - 1)
        return data

    def receive_all(self) -> list[bytes]:
        return list(iter(self.receive, None))

    @property
    def irq(self) -> bool:
        return self.slot.irq.level


@pytest.fixture
async def card(backplane: Backplane, ports: Ports) -> Driver:
    return Driver(await backplane.insert(Ne2000()), ports)


# -- identity and registers --------------------------------------------------------------------


async def test_after_power_on_it_is_stopped(card: Driver) -> None:
    assert (card.read(CR), card.read(ISR)) == (0x21, RST)
    assert not card.irq


async def test_the_prom_has_every_byte_of_the_address_twice(card: Driver) -> None:
    """Read in bytes, as a driver does that wants to know how wide the card is."""
    card.write_all((CR, 0x21), (DCR, 0x48), (RBCR0, 32), (RBCR1, 0), (RSAR0, 0), (RSAR1, 0))
    card.write(CR, 0x0A)
    prom = bytes(card.read(DATA) for _ in range(32))
    assert prom[::2] == prom[1::2]
    assert prom[:12:2] == MAC
    assert prom[28:] == b"WWWW"


async def test_it_says_that_it_is_an_rtl8019(card: Driver) -> None:
    assert bytes((card.read(0x0A), card.read(0x0B))) == b"Pp"


@pytest.mark.parametrize(
    ("base", "irq", "config1"), [(0x300, 9, 0x80), (0x320, 5, 0xB1), (0x240, 10, 0xCA)]
)
async def test_page_3_shows_the_jumpers(
    backplane: Backplane, ports: Ports, base: int, irq: int, config1: int
) -> None:
    settings = msgspec.convert({"base": base, "irq": irq}, Ne2000Settings)
    card = Driver(await backplane.insert(Ne2000(settings)), ports)
    card.write(CR, 0xE1)
    assert card.read(4) == config1
    assert card.slot.irq.line == irq


async def test_pages_1_and_2_read_back_what_was_set(card: Driver) -> None:
    card.start()
    card.write(CR, 0x62)
    assert bytes(card.read(1 + at) for at in range(6)) == MAC
    assert [card.read(CURR), card.read(8), card.read(15)] == [FIRST + 1, 0xFF, 0xFF]
    card.write(CR, 0xA2)
    registers = [card.read(at) for at in (PSTART, PSTOP, TPSR, RCR, TCR, DCR, IMR)]
    assert registers == [FIRST, STOP_PAGE, TX, 0xC4, 0xE0, 0xC9, 0x97]


async def test_registers_are_bytes_and_a_word_is_two_of_them(card: Driver) -> None:
    card.write(PSTART - 1, 0x4621, 2)
    card.write(PSTOP, 0x5580, 2)
    assert card.read(2, 2) >> 8 == 0x55  # BNRY beside CLDA1
    card.write(CR, 0xA1)
    assert (card.read(PSTART), card.read(PSTOP)) == (0x46, 0x80)


@pytest.mark.parametrize("write", [False, True])
async def test_the_reset_port_resets_it(card: Driver, write: bool) -> None:
    card.start()
    card.slot.frames_in.feed(frame())
    await settle()
    assert card.irq
    if write:
        card.write(RESET, 0)
    else:
        card.read(RESET)
    assert (card.read(CR), card.read(ISR)) == (0x21, RST)
    assert not card.irq


@pytest.mark.parametrize(
    ("settings", "word"),
    [({"base": 0x310}, "base"), ({"irq": 7}, "irq"), ({"mac": "5:4"}, "mac"),
     ({"mac": "53:54:00:12:34:56"}, "mac")],
)  # fmt: skip
def test_jumpers_that_cannot_be_set_are_refused(settings: dict[str, object], word: str) -> None:
    with pytest.raises(PluginError, match=word):
        make_card("ne2000", settings)


async def test_two_cards_need_jumpers_of_their_own(backplane: Backplane) -> None:
    await backplane.insert(Ne2000())
    with pytest.raises(BusError, match="0x0300"):
        await backplane.insert(Ne2000())
    await backplane.insert(Ne2000(Ne2000Settings(base=0x320, irq=10)))


# -- remote DMA --------------------------------------------------------------------------------


async def test_memory_can_be_written_and_read_in_words_and_bytes(card: Driver) -> None:
    card.start()
    card.store(0x4000, bytes(range(200)))
    assert card.fetch(0x4000, 200) == bytes(range(200))
    card.write(DCR, 0x48)
    card.write_all((RBCR0, 3), (RBCR1, 0), (RSAR0, 1), (RSAR1, 0x40), (CR, 0x0A))
    assert [card.read(DATA) for _ in range(3)] == [1, 2, 3]
    assert card.read(ISR) & RDC


async def test_a_word_from_a_card_in_byte_mode_is_two_transfers(card: Driver) -> None:
    card.start(dcr=0x48)
    card.write_all((RBCR0, 4), (RBCR1, 0), (RSAR0, 0), (RSAR1, 0x40), (CR, 0x12))
    for word in (0x2211, 0x4433):
        card.write(DATA, word, 2)
    card.write_all((RBCR0, 4), (RBCR1, 0), (RSAR0, 0), (RSAR1, 0x40), (CR, 0x0A))
    assert [card.read(DATA, 2) for _ in range(2)] == [0x2211, 0x4433]


async def test_a_32_bit_cycle_at_the_data_port_is_two_words(card: Driver) -> None:
    card.start()
    card.store(0x4000, b"abcd")
    card._remote(0x4000, 4, 0x0A)
    assert card.read(DATA, 4) == int.from_bytes(b"abcd", "little")


async def test_a_driver_finds_the_line_by_a_remote_dma_of_nothing(card: Driver) -> None:
    card.write_all((CR, 0x22), (IMR, 0x50), (RBCR0, 0), (RBCR1, 0))
    assert not card.irq
    card.write(CR, 0x0A)
    assert card.irq
    card.write(IMR, 0)
    assert not card.irq


# -- frames ------------------------------------------------------------------------------------


async def test_a_frame_is_sent_at_once_and_interrupts(card: Driver) -> None:
    card.start()
    card.send(frame(size=61))
    assert card.slot.frames_out.take() == frame(size=61)
    assert card.read(CR) & 0x04 == 0
    assert (card.read(4), card.read(ISR)) == (0x01, PTX)
    assert card.irq
    card.write(ISR, PTX)
    assert not card.irq


async def test_the_transmitter_is_busy_while_the_wire_is(card: Driver) -> None:
    card.slot.frames_out.capacity = 1
    card.start()
    card.send(frame(1))
    card.write(ISR, PTX)
    card.send(frame(2))
    await settle()
    assert card.read(CR) & 0x04
    assert not card.irq
    assert card.slot.frames_out.take() == frame(1)
    await settle()
    assert card.irq
    assert card.slot.frames_out.take() == frame(2)


async def test_a_busy_transmitter_that_is_reset_again_and_again_does_no_harm(card: Driver) -> None:
    card.slot.frames_out.capacity = 1
    card.start()
    card.send(frame(1))
    for _ in range(1000):
        card.read(RESET)
        card.write(CR, 0x26)
    assert card.slot.fault is None


async def test_loopback_does_not_reach_the_wire(card: Driver) -> None:
    card.start()
    card.write(TCR, 0x02)
    card.send(frame())
    assert card.read(ISR) & PTX
    assert card.slot.frames_out.take() is None


async def test_frames_arrive_in_order_and_short_ones_padded(card: Driver) -> None:
    card.start(imr=0)
    sent = [frame(n, size) for n, size in enumerate((60, 1514, 61, 42, 256))]
    for one in sent:
        card.slot.frames_in.feed(one)
    await settle()
    assert card.receive_all() == [one.ljust(60, b"\0") for one in sent]


async def test_what_comes_while_it_is_stopped_is_lost_as_on_a_wire(card: Driver) -> None:
    card.slot.frames_in.feed(frame(1))
    await settle()
    card.start()
    card.slot.frames_in.feed(frame(2))
    await settle()
    assert card.receive_all() == [frame(2)]


async def test_frames_wait_outside_while_the_ring_is_full(card: Driver) -> None:
    card.start(imr=0)
    sent = [frame(n & 0xFF, 60 + n) for n in range(200)]
    for one in sent:
        card.slot.frames_in.feed(one)
    received: list[bytes] = []
    for _ in range(len(sent)):
        await settle()
        assert not card.read(ISR) & OVW
        received += card.receive_all()
    assert received == sent


async def test_a_frame_waits_outside_until_the_one_before_is_acknowledged(card: Driver) -> None:
    """A driver that acknowledges after its last look at the ring would forget one in between."""
    card.start()
    for n in range(100):
        card.slot.frames_in.feed(frame(n))
    for n in range(100):
        await settle()
        assert card.irq
        assert card.receive_all() == [frame(n)]
        await settle()
        card.write(ISR, PRX)
    assert not card.irq


@pytest.mark.parametrize("way", ["stop", "reset", "loopback"])
async def test_a_chip_taken_off_the_wire_does_not_keep_frames_waiting(
    card: Driver, way: str
) -> None:
    card.start(imr=0)
    for _ in range(100):
        card.slot.frames_in.feed(frame())
    await settle()
    assert len(card.slot.frames_in) > 0
    if way == "reset":
        card.read(RESET)
    else:
        card.write(*{"stop": (CR, 0x21), "loopback": (TCR, 0x02)}[way])
    await settle()
    assert len(card.slot.frames_in) == 0


async def test_with_the_jumper_set_a_full_ring_overflows_and_the_driver_recovers(
    backplane: Backplane, ports: Ports
) -> None:
    """The procedure of the DP8390D data sheet, "Buffer Ring Overflow"."""
    slot = await backplane.insert(Ne2000(Ne2000Settings(wait_for_room=False)))
    card = Driver(slot, ports)
    card.start()
    for n in range(100):
        slot.frames_in.feed(frame(n))
    await settle()
    assert card.read(ISR) & (OVW | RST | RXE) == OVW | RST | RXE
    missed = card.read(15)
    card.write_all((CR, 0x21), (RBCR0, 0), (RBCR1, 0), (TCR, 0x02), (CR, 0x22))
    received = card.receive_all()
    assert received == [frame(n) for n in range(100 - missed)]
    card.write_all((ISR, OVW | RXE | PRX), (TCR, 0x00))
    slot.frames_in.feed(frame(7))
    await settle()
    assert card.receive_all() == [frame(7)]


async def test_what_waits_for_room_waits_no_longer_when_the_jumper_is_set(
    backplane: Backplane, card: Driver
) -> None:
    card.start()
    for n in range(100):
        card.slot.frames_in.feed(frame(n))
    await settle()
    assert len(card.slot.frames_in) == 99  # the first is not acknowledged
    backplane.change(card.slot.number, Ne2000Settings(wait_for_room=False))
    await settle()
    assert len(card.slot.frames_in) == 0
    assert card.read(ISR) & OVW
    backplane.change(card.slot.number, Ne2000Settings())
    card.start()
    card.slot.frames_in.feed(frame(1))
    card.slot.frames_in.feed(frame(2))
    await settle()
    assert len(card.slot.frames_in) == 1


# -- freeze and rollback ------------------------------------------------------------------------


async def test_it_is_carried_over_to_a_new_kernel(card: Driver) -> None:
    assert card.slot.policy is Policy.CARRY


async def test_frames_that_come_in_a_freeze_are_there_after_it(card: Driver) -> None:
    card.start(imr=0)
    for n in range(3):
        card.slot.frames_in.feed(frame(n))
    await settle()
    await card.slot.backplane.quiesce(each=1, total=1)
    for n in range(3, 6):
        card.slot.frames_in.feed(frame(n))
    await settle()
    assert card.receive_all() == [frame(n) for n in range(3)]
    card.slot.backplane.thaw()
    await settle()
    assert card.receive_all() == [frame(n) for n in range(3, 6)]


@pytest.mark.parametrize("count", [1, 100])
async def test_a_rollback_loses_and_doubles_no_frame_in_either_direction(
    card: Driver, count: int
) -> None:
    """Also when frames waited for room at the time."""
    card.start(imr=0)
    backplane, sent = card.slot.backplane, [frame(n) for n in range(count + 2)]
    for one in sent[:count]:
        card.slot.frames_in.feed(one)
    await settle()
    card.send(frame(0xA1))
    await backplane.quiesce(each=1, total=1)
    state = backplane.snapshot()
    backplane.hold_streams()
    backplane.thaw()
    card.slot.frames_in.feed(sent[count])
    await settle()
    forgotten = card.receive_all()
    card.send(frame(0xA2))
    await settle()
    assert forgotten
    assert card.slot.frames_out.take() == frame(0xA1)
    assert card.slot.frames_out.take() is None
    await backplane.quiesce(each=1, total=1)
    backplane.restore(state)
    backplane.rewind_streams()
    backplane.release_streams()
    backplane.thaw()
    card.slot.frames_in.feed(sent[count + 1])
    received: list[bytes] = []
    for _ in range(count):
        await settle()
        received += card.receive_all()
    assert received == sent
    card.send(frame(0xA3))
    assert [card.slot.frames_out.take() for _ in range(2)] == [frame(0xA3), None]


async def test_a_frame_that_waited_for_the_wire_is_sent_after_a_freeze(card: Driver) -> None:
    card.slot.frames_out.capacity = 1
    card.start()
    card.send(frame(1))
    card.send(frame(2))
    await card.slot.backplane.quiesce(each=1, total=1)
    assert card.slot.frames_out.take() == frame(1)
    await settle()
    assert card.slot.frames_out.take() is None
    card.slot.backplane.thaw()
    await settle()
    assert card.slot.frames_out.take() == frame(2)
