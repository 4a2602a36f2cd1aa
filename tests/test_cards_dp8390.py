"""The DP8390 core: filter, transmitter, loopback, and its ring against a model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hotswap.cards.dp8390 import Dp8390, crc_of, multicast_hash

PSTART, PSTOP = 0x46, 0x60
OWN = bytes.fromhex("525400123456")
GROUP = bytes.fromhex("01005e000001")
PRX, PTX, RXE, OVW, CNT, RDC, RST = 0x01, 0x02, 0x04, 0x10, 0x20, 0x40, 0x80
AR, AB, AM, PRO, MON = 0x02, 0x04, 0x08, 0x10, 0x20
START, STOP, TXP = 0x22, 0x21, 0x26


def frame(to: bytes = OWN, size: int = 60, fill: int = 0xA5) -> bytes:
    return to + b"\x02\0\0\0\0\1\x08\0" + bytes((fill,)) * (size - 14)


@pytest.fixture
def chip() -> Dp8390:
    """On line, with an empty ring, hearing its own address only."""
    return started()


def started() -> Dp8390:
    chip = Dp8390(pstart=PSTART, pstop=PSTOP, bnry=PSTART, curr=PSTART + 1, rcr=0)
    chip.par[:] = OWN
    chip.command(START)
    return chip


def stored(chip: Dp8390, page: int) -> tuple[bytes, bytes]:
    """Header and content, with CRC, of the frame at `page`."""
    ring = bytes(chip.memory[PSTART << 8 : PSTOP << 8])
    at = page - PSTART << 8
    header = ring[at : at + 4]
    size = int.from_bytes(header[2:], "little")
    return header, (ring + ring)[at + 4 : at + 4 + size]


# -- receiver ---------------------------------------------------------------------------------


def test_a_frame_is_stored_behind_its_header_with_its_crc(chip: Dp8390) -> None:
    chip.receive(sent := frame(size=300))
    header, content = stored(chip, PSTART + 1)
    assert header == bytes((0x01, PSTART + 3)) + (304).to_bytes(2, "little")
    assert content == sent + crc_of(sent)
    assert (chip.curr, chip.rsr, chip.isr) == (PSTART + 3, 0x01, PRX)


@pytest.mark.parametrize(("size", "pages"), [(60, 1), (248, 1), (249, 2), (1514, 6)])
def test_header_and_crc_count_for_the_pages(chip: Dp8390, size: int, pages: int) -> None:
    chip.receive(frame(size=size))
    assert chip.curr == PSTART + 1 + pages


@pytest.mark.parametrize(
    ("to", "rcr", "status"),
    [
        (OWN, 0, 0x01),
        (b"\x52\x54\0\0\0\1", 0, None),
        (b"\x52\x54\0\0\0\1", PRO, 0x01),
        (b"\xff" * 6, 0, None),
        (b"\xff" * 6, PRO | AM, None),
        (b"\xff" * 6, AB, 0x21),
        (GROUP, PRO | AB, None),
        (GROUP, AM, 0x21),
        (b"\x01\0\x5e\0\0\2", AM, None),
    ],
)
def test_the_address_filter(chip: Dp8390, to: bytes, rcr: int, status: int | None) -> None:
    chip.rcr = rcr
    chip.mar[multicast_hash(GROUP) >> 3] = 1 << (multicast_hash(GROUP) & 7)
    chip.receive(frame(to))
    assert (chip.rsr if chip.isr & PRX else None) == status


@given(st.binary(min_size=6, max_size=6))
def test_the_multicast_hash_is_the_one_drivers_use(address: bytes) -> None:
    """Bit by bit: the polynomial of the CRC, most significant bit first, top six bits."""
    crc = 0xFFFFFFFF
    for byte in address:
        for shift in range(8):
            feedback = crc >> 31 ^ byte >> shift & 1
            crc = (crc << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if feedback else 0)
    assert multicast_hash(address) == crc >> 26


def test_runts_are_stored_only_when_asked_for(chip: Dp8390) -> None:
    chip.receive(frame(size=59))
    assert not chip.isr & PRX
    chip.rcr = AR
    chip.receive(frame(size=59))
    assert chip.isr & PRX


@pytest.mark.parametrize("command", [STOP, 0x20])
def test_a_stopped_chip_hears_nothing(command: int) -> None:
    chip = Dp8390(pstart=PSTART, pstop=PSTOP, bnry=PSTART, curr=PSTART + 1, rcr=PRO)
    chip.command(command)
    chip.receive(frame())
    assert chip.isr == RST


def test_a_chip_in_loopback_is_not_on_the_wire(chip: Dp8390) -> None:
    chip.tcr = 0x02
    chip.receive(frame())
    assert (chip.isr, chip.tallies[2]) == (0, 0)


def test_monitor_mode_counts_what_it_would_have_stored(chip: Dp8390) -> None:
    chip.rcr = MON
    for to in (OWN, GROUP):
        chip.receive(frame(to))
    assert (chip.curr, chip.isr, chip.rsr, chip.tallies[2]) == (PSTART + 1, RXE, 0x50, 1)


def test_a_full_ring_overflows_and_is_off_until_the_driver_has_read(chip: Dp8390) -> None:
    for _ in range(PSTOP - PSTART - 2):
        chip.receive(frame())
    chip.isr = 0
    before = bytes(chip.memory)
    chip.receive(frame())
    assert (chip.isr, chip.rsr, chip.read_tally(2)) == (OVW | RST | RXE, 0x10, 1)
    assert bytes(chip.memory) == before
    chip.receive(frame())
    assert chip.read_tally(2) == 1
    chip.set_boundary(PSTART + 1)
    assert not chip.isr & RST
    chip.isr = 0
    chip.receive(frame())
    assert chip.isr == PRX


def test_the_tally_of_missed_frames_interrupts_half_way_and_stops_at_192(chip: Dp8390) -> None:
    chip.rcr = MON
    for count in range(1, 200):
        chip.receive(frame())
        assert bool(chip.isr & CNT) == (count >= 128)
    assert chip.read_tally(2) == 192
    assert chip.read_tally(2) == 0


def test_a_ring_that_makes_no_sense_harms_nobody() -> None:
    for pstart, pstop, curr in ((0, 0, 0), (0x80, 0x40, 0x7F), (0x40, 0x41, 0x40), (0xFF, 0, 0xFF)):
        chip = Dp8390(pstart=pstart, pstop=pstop, curr=curr, bnry=0x33, rcr=PRO)
        chip.command(START)
        for _ in range(99):
            chip.receive(frame(size=1514))
        assert bytes(chip.memory[:0x4000]) == b"\xff" * 0x4000
        assert len(chip.memory) == 0x8000


class RingAgainstItsModel(RuleBasedStateMachine):
    """Frames go in, a driver takes them out as the AN-475 says; none is lost or torn silently."""

    @initialize(pages=st.integers(8, 26), first=st.integers(1, 7))
    def begin(self, pages: int, first: int) -> None:
        self.chip = started()
        self.chip.pstop = PSTART + pages
        self.size = pages
        self.chip.curr = self.next = PSTART + first
        self.chip.bnry = self.before(self.next)
        self.frames: list[bytes] = []
        self.count = 0

    def before(self, page: int) -> int:
        return (page if page > PSTART else self.chip.pstop) - 1

    @property
    def used(self) -> int:
        return sum((len(one) + 8 + 255) // 256 for one in self.frames)

    @rule(size=st.integers(60, 1514))
    def arrive(self, size: int) -> None:
        self.count += 1
        one = frame(size=size, fill=self.count & 0xFF)
        fits = self.used + (size + 8 + 255) // 256 < self.size - 1
        assert self.chip.has_room(size) == fits
        self.chip.receive(one)
        if fits:
            self.frames.append(one)
            assert self.chip.isr == PRX
        else:
            assert self.chip.isr & OVW
            self.chip.set_boundary(self.chip.bnry)
        self.chip.isr = 0

    @precondition(lambda self: self.frames)
    @rule()
    def read(self) -> None:
        chip, one = self.chip, self.frames.pop(0)
        header = self.remote(self.next << 8, 4)
        size = int.from_bytes(header[2:], "little")
        assert header[0] == 0x01
        assert self.remote((self.next << 8) + 4, size) == one + crc_of(one)
        self.next = header[1]
        chip.set_boundary(self.before(self.next))

    @precondition(lambda self: self.frames)
    @rule()
    def read_by_send_command(self) -> None:
        chip, one = self.chip, self.frames.pop(0)
        chip.dcr = 0x11
        chip.bnry = self.next
        chip.command(0x1A)
        got = bytearray()
        while not chip.isr & RDC:
            got += chip.remote_read().to_bytes(2, "little")
        assert got[4 : 4 + len(one)] == one  # the count is that of header and frame, too
        self.next = chip.bnry
        chip.set_boundary(self.before(self.next))
        chip.isr = 0

    def remote(self, at: int, size: int) -> bytes:
        chip = self.chip
        chip.dcr, chip.crda, chip.rbcr = 0x01, at, size
        chip.command(0x0A)
        got = bytearray()
        while not chip.isr & RDC:
            got += chip.remote_read().to_bytes(2, "little")
        chip.isr = 0
        return bytes(got[:size])

    @invariant()
    def an_empty_ring_is_one_where_curr_is_next(self) -> None:
        if hasattr(self, "frames"):
            assert (self.chip.curr == self.next) == (not self.frames)


test_the_ring_agrees_with_its_model = RingAgainstItsModel.TestCase


# -- transmitter ------------------------------------------------------------------------------


def send(chip: Dp8390, data: bytes) -> bytes | None:
    chip.memory[0x4000 : 0x4000 + len(data)] = data
    chip.tpsr, chip.tbcr = 0x40, len(data)
    chip.command(TXP)
    assert chip.sending
    left = chip.transmit()
    assert not chip.cr & 0x04
    return left


def test_a_frame_is_sent_as_it_lies_in_memory_and_not_padded(chip: Dp8390) -> None:
    assert send(chip, frame(size=42)) == frame(size=42)
    assert (chip.tsr, chip.isr) == (0x01, PTX)


def test_a_stopped_chip_sends_when_it_is_started(chip: Dp8390) -> None:
    chip.command(STOP | 0x04)
    assert not chip.sending
    chip.command(START)
    assert chip.sending


def test_with_the_crc_inhibited_the_drivers_own_must_be_right(chip: Dp8390) -> None:
    chip.tcr = 0x01
    assert send(chip, frame() + crc_of(frame())) == frame()
    assert send(chip, frame() + b"oops") is None
    assert chip.isr == PTX


@pytest.mark.parametrize(("tpsr", "tbcr"), [(0x7F, 1514), (0xFF, 65535), (0x00, 0)])
def test_memory_that_is_not_there_is_sent_as_floating(chip: Dp8390, tpsr: int, tbcr: int) -> None:
    chip.tpsr, chip.tbcr = tpsr, tbcr
    chip.command(TXP)
    left = chip.transmit()
    assert left is not None
    assert len(left) == tbcr
    assert left.endswith(b"\xff" * min(tbcr, 100))


@pytest.mark.parametrize(("mode", "tsr"), [(0x02, 0x51), (0x04, 0x41)])
def test_internal_loopback_as_in_application_note_937(chip: Dp8390, mode: int, tsr: int) -> None:
    chip.tcr, chip.rcr = mode, 0x1F
    assert send(chip, frame(size=60)) is None
    assert (chip.tsr, chip.rsr, chip.isr) == (tsr, 0x02, PTX | RXE)
    assert chip.curr == PSTART + 1


def test_external_loopback_goes_out_too(chip: Dp8390) -> None:
    chip.tcr, chip.rcr = 0x06, 0x1F
    assert send(chip, frame()) == frame()
    assert (chip.tsr, chip.rsr, chip.isr) == (0x01, 0x02, PTX | RXE)


def test_the_fifo_holds_the_end_of_a_looped_frame_and_its_length(chip: Dp8390) -> None:
    """64 bytes with the CRC: low and high byte of the count, high again, last byte, CRC."""
    chip.tcr = 0x02
    send(chip, frame(fill=0x77))
    assert [chip.read_fifo() for _ in range(8)] == [64, 0, 0, 0x77, *crc_of(frame(fill=0x77))]


@pytest.mark.parametrize("bos", [0x00, 0x02])
def test_in_word_mode_one_half_of_the_bus_is_looped(chip: Dp8390, bos: int) -> None:
    chip.tcr, chip.dcr = 0x02, 0x01 | bos
    halves = (frame(), bytes(60)) if bos else (bytes(60), frame())
    send(chip, bytes(byte for pair in zip(*halves, strict=True) for byte in pair))
    assert [chip.read_fifo() for _ in range(8)][4:] == list(crc_of(frame()))


@pytest.mark.parametrize(
    ("to", "crc", "isr"),
    [(OWN, True, PTX), (OWN, False, PTX | RXE), (b"\x52\0\0\0\0\0", False, PTX)],
)
def test_loopback_tests_the_crc_and_the_address_filter(
    chip: Dp8390, to: bytes, crc: bool, isr: int
) -> None:
    chip.tcr, chip.rcr = 0x03, 0x01
    send(chip, frame(to) + (crc_of(frame(to)) if crc else b"oops"))
    assert chip.isr == isr


# -- command register and reset ----------------------------------------------------------------


def test_stop_and_start_show_in_rst(chip: Dp8390) -> None:
    chip.command(STOP)
    assert chip.isr == RST
    chip.command(0x60)  # neither: as it was
    assert (chip.cr, chip.isr) == (0x61, RST)
    chip.command(START)
    assert chip.isr == 0


def test_rst_is_a_state_and_no_interrupt(chip: Dp8390) -> None:
    chip.imr = 0x7F
    chip.command(STOP)
    assert not chip.interrupt
    chip.isr |= PRX
    assert chip.interrupt


def test_a_reset_stops_and_masks_and_leaves_addresses_alone(chip: Dp8390) -> None:
    chip.imr, chip.dcr, chip.tcr = 0x7F, 0x4D, 0x07
    chip.reset()
    assert (chip.cr, chip.isr, chip.imr, chip.dcr, chip.tcr) == (STOP, RST, 0, 0x49, 0x01)
    assert (bytes(chip.par), chip.pstart) == (OWN, PSTART)


def test_a_remote_dma_of_nothing_is_complete_at_once(chip: Dp8390) -> None:
    """Drivers find the IRQ line by it."""
    chip.command(0x0A)
    assert chip.isr == RDC


def test_remote_dma_wraps_at_the_end_of_the_ring(chip: Dp8390) -> None:
    chip.dcr, chip.crda, chip.rbcr = 0x01, (PSTOP << 8) - 2, 4
    chip.memory[(PSTOP << 8) - 2 : PSTOP << 8] = b"ab"
    chip.memory[PSTART << 8 : (PSTART << 8) + 2] = b"cd"
    chip.command(0x0A)
    assert [chip.remote_read() for _ in range(3)] == [0x6261, 0x6463, 0xFFFF]
    assert chip.crda == (PSTART << 8) + 2


def remote(cr: int, crda: int, rbcr: int) -> Dp8390:
    """In the middle of a remote DMA; the ring ends at page 0x60."""
    chip = Dp8390(cr=cr, crda=crda, rbcr=rbcr, pstart=PSTART, pstop=PSTOP)
    chip.memory[0x4000:] = bytes(n * 7 & 0xFF for n in range(0x4000))
    return chip


@pytest.mark.parametrize(
    ("crda", "rbcr", "words"),
    [
        (0x4600, 10, 4),  # the fifth completes it
        (0x4600, 1, 0),
        (0x4600, 0, 0),
        (0x5FF8, 100, 3),  # the fourth goes back to the beginning of the ring
        (0x5FFE, 100, 0),
        (0x7FFA, 100, 2),  # the third may end the memory
        (0x8000, 100, 0),
        (0xFFF0, 100, 0),
    ],
)
def test_a_run_ends_before_a_transfer_that_does_more(crda: int, rbcr: int, words: int) -> None:
    for rd in (0x0A, 0x1A):
        chip = remote(rd, crda, rbcr)
        content = chip.read_run(2)
        assert content == chip.memory[crda : crda + 2 * words]
        assert len(content) == 2 * words
    assert remote(0x12, crda, rbcr).write_run(2) == 2 * words


def test_there_is_no_run_in_the_wrong_direction_or_without_a_remote_dma() -> None:
    assert [len(remote(cr, 0x4600, 10).read_run(1)) for cr in (0x0A, 0x12, 0x1A, 0x22)] == [
        9, 0, 9, 0,
    ]  # fmt: skip
    assert [remote(cr, 0x4600, 10).write_run(1) for cr in (0x0A, 0x12, 0x1A, 0x22)] == [0, 9, 0, 0]


def test_a_run_of_writes_is_in_ram() -> None:
    assert remote(0x12, 0x3FFF, 10).write_run(1) == 0
    assert remote(0x12, 0x4000, 10).write_run(1) == 9


def test_remote_dma_writes_only_ram(chip: Dp8390) -> None:
    chip.dcr, chip.pstop = 0x01, 0
    for at, written in ((0x0000, False), (0x3FFE, False), (0x4000, True), (0x8000, False)):
        chip.crda, chip.rbcr = at, 2
        chip.command(0x12)
        chip.remote_write(0x1234)
        chip.remote_write(0x5678)  # one too many
        assert chip.isr == RDC
        chip.isr = 0
        assert (bytes(chip.memory[at : at + 2]) == b"\x34\x12") == written
    assert len(chip.memory) == 0x8000


def test_a_data_port_without_a_command_floats(chip: Dp8390) -> None:
    chip.rbcr = 10
    assert chip.remote_read() == 0xFFFF
    chip.remote_write(0)
    assert chip.rbcr == 10


def test_an_abort_ends_a_remote_dma(chip: Dp8390) -> None:
    chip.rbcr, chip.crda = 10, 0x4000
    chip.command(0x0A)
    chip.command(START)
    assert chip.remote_read() == 0xFFFF
    assert chip.isr == 0
