"""One 8237A programmable DMA controller, without its neighbours.

Names follow the Intel 8237A data sheet (231466). A transfer moves one byte, or one word on a chip
that is wired for words; a count of N stands for N + 1 of them, and TC comes when it passes zero.
The chip knows no memory and no cards: whoever does asks `next` which channel has the bus, `run` how
many transfers have successive addresses, and says with `advance` how many were made.

    register  write                                  read
    0 to 7    base and current address, word count   current address, word count; by channel,
              low byte first, then high: the first/last flip-flop says which
    8         command                                status; its TC bits are cleared
    9         request                                -
    A         one mask bit                           -
    B         mode                                   -
    C         clears the first/last flip-flop        -
    D         master clear                           temporary
    E         clears all mask bits                   -
    F         all mask bits                          -

A channel's transfers come in one go: between those of single mode the CPU is not given a cycle.
What is timing (compressed, extended write) or polarity of DACK is kept and changes nothing.
"""

from __future__ import annotations

from enum import IntEnum

import msgspec

CHANNELS = 4
FLOATING = 0xFF
"""A register that cannot be read."""


class Reg(IntEnum):
    """A3 to A0, beyond the channels' own registers."""

    COMMAND = 0x8  # w
    STATUS = 0x8  # r
    REQUEST = 0x9  # w
    MASK = 0xA  # w
    MODE = 0xB  # w
    CLEAR_FLIP_FLOP = 0xC  # w
    MASTER_CLEAR = 0xD  # w
    TEMPORARY = 0xD  # r
    CLEAR_MASKS = 0xE  # w
    ALL_MASKS = 0xF  # w


class Command(IntEnum):
    MEMORY_TO_MEMORY = 0x01
    CHANNEL_0_HOLD = 0x02  # with it: the source address stays
    DISABLE = 0x04
    COMPRESSED = 0x08
    ROTATING = 0x10
    EXTENDED_WRITE = 0x20
    DREQ_LOW = 0x40  # requests are active low
    DACK_HIGH = 0x80


class Mode(IntEnum):
    TRANSFER = 0x0C
    AUTOINITIALIZE = 0x10
    DECREMENT = 0x20
    SELECT = 0xC0


class Transfer(IntEnum):
    """Bits 3 and 2 of the mode."""

    VERIFY = 0x00
    WRITE = 0x04  # to memory
    READ = 0x08  # from memory
    ILLEGAL = 0x0C


class Select(IntEnum):
    """Bits 7 and 6 of the mode."""

    DEMAND = 0x00
    SINGLE = 0x40
    BLOCK = 0x80  # DREQ may go when DACK has come
    CASCADE = 0xC0  # DACK only: another controller, or a bus master


class Channel(msgspec.Struct):
    """The registers of one channel."""

    base_address: int = 0
    base_count: int = 0
    address: int = 0
    count: int = 0
    mode: int = 0

    @property
    def transfer(self) -> Transfer:
        """What is done with the bytes."""
        return Transfer(self.mode & Mode.TRANSFER)

    @property
    def select(self) -> Select:
        """For how long one request lasts."""
        return Select(self.mode & Mode.SELECT)

    @property
    def decrements(self) -> bool:
        """True when addresses go down."""
        return bool(self.mode & Mode.DECREMENT)

    def run(self) -> int:
        """Transfers up to TC, or to the end of the 65,536 addresses if that comes first."""
        room = self.address + 1 if self.decrements else 0x10000 - self.address
        return min(self.count + 1, room)

    def step(self, transfers: int, *, hold: bool = False) -> bool:
        """So many of the `run` were made; True when the count passed zero."""
        if not hold:
            moved = -transfers if self.decrements else transfers
            self.address = self.address + moved & 0xFFFF
        self.count = self.count - transfers & 0xFFFF
        return self.count == 0xFFFF

    def autoinitialize(self) -> bool:
        """Load the base registers if the mode says so; False when it does not."""
        if not self.mode & Mode.AUTOINITIALIZE:
            return False
        self.address, self.count = self.base_address, self.base_count
        return True


class I8237(msgspec.Struct):
    """The registers, latches and DREQ pins of one 8237A."""

    channels: list[Channel] = msgspec.field(
        default_factory=lambda: [Channel() for _ in range(CHANNELS)]
    )
    lines: int = 0
    """Levels of DREQ0 to DREQ3."""
    command: int = 0
    terminal: int = 0
    """The TC bits of the status."""
    request: int = 0
    """Software requests; they cannot be masked."""
    mask: int = 0x0F
    temporary: int = 0
    """The byte last moved from memory to memory."""
    high_byte: bool = False
    """The first/last flip-flop: the next access is to the upper half of a register."""
    blocks: int = 0
    """Channels in a block transfer, which needs DREQ no longer."""
    lowest: int = 3
    """The channel with the lowest priority; the next one has the highest."""

    # -- the CPU's side -----------------------------------------------------------------------

    def read(self, reg: int) -> int:
        """One read cycle; `reg` is A3 to A0."""
        if reg < Reg.STATUS:
            channel = self.channels[reg >> 1]
            value = channel.count if reg & 1 else channel.address
            return value >> self._shift() & 0xFF
        if reg == Reg.STATUS:
            value, self.terminal = self.terminal | (self._dreq() | self.request) << 4, 0
            return value
        return self.temporary if reg == Reg.TEMPORARY else FLOATING

    def write(self, reg: int, value: int) -> None:
        """One write cycle."""
        bit = 1 << (value & 3)
        match reg:
            case Reg.COMMAND:
                self.command = value
            case Reg.REQUEST:
                self.request = self.request | bit if value & 4 else self.request & ~bit
            case Reg.MASK:
                self.mask = self.mask | bit if value & 4 else self.mask & ~bit
            case Reg.MODE:
                self.channels[value & 3].mode = value & ~3
                self.blocks &= ~bit
            case Reg.CLEAR_FLIP_FLOP:
                self.high_byte = False
            case Reg.MASTER_CLEAR:
                self.reset()
            case Reg.CLEAR_MASKS:
                self.mask = 0
            case Reg.ALL_MASKS:
                self.mask = value & 0x0F
            case _:
                self._load(self.channels[reg >> 1], reg & 1, value)

    def _shift(self) -> int:
        shift = 8 if self.high_byte else 0
        self.high_byte = not self.high_byte
        return shift

    def _load(self, channel: Channel, count: int, value: int) -> None:
        """Base and current register take the byte alike."""
        shift = self._shift()
        keep, byte = 0xFF00 >> shift, value << shift
        if count:
            channel.base_count = channel.base_count & keep | byte
            channel.count = channel.count & keep | byte
        else:
            channel.base_address = channel.base_address & keep | byte
            channel.address = channel.address & keep | byte

    def reset(self) -> None:
        """RESET and master clear: modes, addresses and counts stay."""
        self.command = self.terminal = self.request = self.temporary = self.blocks = 0
        self.high_byte = False
        self.mask = 0x0F
        self.lowest = 3

    # -- requests -----------------------------------------------------------------------------

    def drive(self, channel: int, level: bool) -> None:
        """DREQ`channel` changes to `level`."""
        bit = 1 << channel
        self.lines = self.lines | bit if level else self.lines & ~bit

    def _dreq(self) -> int:
        return self.lines ^ 0x0F if self.command & Command.DREQ_LOW else self.lines

    def next(self, skip: int = 0, pins: int = 0x0F) -> int | None:
        """The channel that gets the bus; None when HRQ is low.

        Channels in `skip` are passed over; of the DREQ pins only those in `pins` are looked at.
        """
        asking = (self._dreq() | self.blocks) & ~self.mask & pins | self.request
        asking &= ~skip
        if not asking or self.command & Command.DISABLE:
            return None
        rotated = self.command & Command.ROTATING
        for step in range(1, CHANNELS + 1):
            channel = (self.lowest if rotated else 3) + step & 3
            if asking >> channel & 1:
                return channel
        return None

    # -- transfers ----------------------------------------------------------------------------

    def copies(self, channel: int) -> bool:
        """Whether a request of `channel` is one for channels 0 and 1, from memory to memory."""
        return channel == 0 and bool(self.command & Command.MEMORY_TO_MEMORY)

    @property
    def holds_source(self) -> bool:
        """True when the source address of a copy stays."""
        return bool(self.command & Command.CHANNEL_0_HOLD)

    def begin(self, channel: int) -> Channel:
        """DACK: the registers as they are before the transfer. Latches a block's request."""
        if self.command & Command.ROTATING:
            self.lowest = channel
        if self.channels[channel].select is Select.BLOCK:
            self.blocks |= 1 << channel
        return self.channels[channel]

    def advance(self, channel: int, transfers: int) -> bool:
        """`transfers` of the channel's `run` were made; True at TC."""
        if not self.channels[channel].step(transfers):
            return False
        self._end(channel)
        return True

    def advance_copy(self, transfers: int) -> bool:
        """As `advance`, for both channels of a copy. TC is that of channel 1 alone."""
        source = self.channels[0]
        if source.step(transfers, hold=self.holds_source):
            source.autoinitialize()
        if not self.channels[1].step(transfers):
            return False
        self.request &= ~1
        self.blocks &= ~1
        self._end(1)
        return True

    def _end(self, channel: int) -> None:
        """EOP."""
        bit = 1 << channel
        self.terminal |= bit
        self.request &= ~bit
        self.blocks &= ~bit
        if not self.channels[channel].autoinitialize():
            self.mask |= bit
