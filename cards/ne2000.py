"""NE2000 with an RTL8019AS: 32 ports from 0x300 (or another base), IRQ 9 (or another), 16 bit.

    0x00-0x0F   the DP8390 core, see `dp8390`; page 3 of it says how the jumpers are set
    0x10-0x17   data port of the remote DMA, bytes or words
    0x18-0x1F   a read or a write resets the chip

In the core's local address space lies the PROM at 0 (the station address with every byte doubled,
then "W" for a 16-bit card) and 16 KiB of RAM at 0x4000 (RTL8019AS data sheet, 5.1).

With `pnp` it is an ISA Plug and Play card (RTL8019, compatible with PNP80D6).

Frames sent leave at once on `slot.frames_out`; when that is full the transmitter is busy until it
is not. Frames received wait in `slot.frames_in` while the ring has no room or the driver has not
acknowledged the interrupt for the one before, unless the jumper says that they come when they come,
as on a real wire: then the ring overflows.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any, Literal

import msgspec
import trio

from hotswap.bus import (
    FRAME_MIN,
    Card,
    Choices,
    Configuration,
    IrqChoice,
    LogicalDevice,
    PlugAndPlay,
    Policy,
    PortChoice,
    PortRange,
    Resources,
    Settings,
    Slot,
    State,
    hookimpl,
)

from .dp8390 import Dp8390
from .dp8390_pages import read_register, write_register
from .dp8390_registers import DCR, ISR, R3, W0

IRQS = {9: 0, 3: 1, 4: 2, 5: 3, 10: 4, 11: 5, 12: 6, 15: 7}
"""Lines the RTL8019AS can drive, and how CONFIG1 says so (IRQ 9 is the bus's IRQ 2)."""
CONFIG0_JP = 0x08  # set by jumpers
CONFIG1_IRQEN = 0x80


class Offset(IntEnum):
    """From the base."""

    DATA = 0x10
    RESET = 0x18


class Ne2000Settings(Settings, frozen=True):
    """The jumpers, and the address in the PROM.

    With `wait_for_room` no frame is lost to a full ring; without it the ring overflows. It may be
    set while the card is plugged in. With `pnp` the guest chooses base and line.
    """

    base: Annotated[int, msgspec.Meta(ge=0x200, le=0x3E0, multiple_of=0x20)] = 0x300
    irq: Literal[3, 4, 5, 9, 10, 11, 12, 15] = 9
    mac: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F][02468aceACE](:[0-9a-fA-F]{2}){5}$")] = (
        "52:54:00:12:34:56"
    )
    wait_for_room: bool = True
    pnp: bool = False


class Ne2000State(State):
    chip: Dp8390 = msgspec.field(default_factory=Dp8390)


class Transmit(msgspec.Struct, frozen=True):
    """Posted when the outbox is full: send when it is not."""


class Ne2000(Card[Ne2000State]):
    """An Ethernet card; its wire is `slot.frames_out` and `slot.frames_in`."""

    name = "ne2000"
    switchover = Policy.CARRY
    state_type = Ne2000State
    settings_type = Ne2000Settings
    settable = frozenset({"wait_for_room"})
    settings: Ne2000Settings

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._base = self.settings.base
        self._irq: int | None = self.settings.irq
        self._waiting = 0  # size of the frame outside that the ring has no room for
        self._room = trio.Event()

    def resources(self) -> Resources:
        """The ports and the line the jumpers say."""
        if self.settings.pnp:
            return Resources(cycle_width=2)
        ports = (PortRange(self.settings.base, 0x20),)
        return Resources(ports=ports, irqs=(self.settings.irq,), cycle_width=2)

    def plug_and_play(self) -> PlugAndPlay | None:
        """What the RTL8019AS says of itself, at bases a PC has free."""
        if not self.settings.pnp:
            return None
        choices = Choices(
            ports=(PortChoice(0x280, 0x20, last=0x380, step=0x20),),  # 0x279 is ADDRESS
            irqs=(IrqChoice(sorted(IRQS)),),
        )
        device = LogicalDevice("RTL8019", choices, compatible=("PNP80D6",))
        return PlugAndPlay("RTL8019", "hotswap-host NE2000", (device,))

    def configured(self, device: int, at: Configuration | None) -> None:
        """Where the guest wants it."""
        if at is not None:
            self._base, self._irq = at.ports[0] or 0, at.irqs[0]
            self._settle()

    def change(self, settings: Ne2000Settings) -> None:
        """A frame that waits for room waits no longer when there need not be any."""
        self.settings = settings
        self._settle()

    def power_on(self) -> None:
        """RESET, and what is in the PROM."""
        self.state = Ne2000State()
        address = bytes.fromhex(self.settings.mac.replace(":", ""))
        prom = address + bytes(8) + b"WW"
        self.state.chip.memory[: 2 * len(prom)] = bytes(byte for byte in prom for _ in range(2))

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """A register, the data port, or a reset."""
        offset, chip = port - self._base, self.state.chip
        if Offset.DATA <= offset < Offset.RESET:
            value = chip.remote_read()
            if width == 2 and not chip.dcr & DCR.WTS:  # the card asks for 8-bit cycles
                value = value & 0xFF | (chip.remote_read() & 0xFF) << 8
            if not chip.rbcr:
                self._settle()
            elif self._runs(width) and (content := chip.read_run(width)):
                self.slot.burst_in(port, width, content)
            return value if width == 2 else value & 0xFF
        if width == 2:
            return self.read(port, 1) | self.read(port + 1, 1) << 8
        if offset >= Offset.RESET:
            self._reset()
            return 0xFF
        if chip.page == 3 and offset:
            return self._read_jumpers(offset)
        return read_register(chip, offset)

    def write(self, port: int, width: int, value: int) -> None:
        """A register, the data port, or a reset."""
        offset, chip = port - self._base, self.state.chip
        if Offset.DATA <= offset < Offset.RESET:
            chip.remote_write(value)
            if width == 2 and not chip.dcr & DCR.WTS:
                chip.remote_write(value >> 8)
            if not chip.rbcr:
                self._settle()
            elif self._runs(width) and (size := chip.write_run(width)):
                self.slot.burst_out(port, width, size)
            return
        if width == 2:
            self.write(port, 1, value & 0xFF)
            self.write(port + 1, 1, value >> 8)
        elif offset >= Offset.RESET:
            self._reset()
        elif offset == W0.CR:
            self._command(value)
        else:
            write_register(chip, offset, value)
            self._settle()

    def _runs(self, width: int) -> bool:
        """Whether cycles of `width` leave no byte of the memory out."""
        return width == 2 or not self.state.chip.dcr & DCR.WTS

    def burst_read(self, port: int, size: int) -> None:
        """Remote DMA has gone on in its run."""
        self.state.chip.skip(size)

    def burst_written(self, port: int, content: bytes) -> None:
        """As `burst_read`."""
        chip = self.state.chip
        chip.memory[chip.crda : chip.crda + len(content)] = content
        chip.skip(len(content))

    # -- registers ----------------------------------------------------------------------------

    def _read_jumpers(self, offset: int) -> int:
        """Page 3."""
        match offset:
            case R3.CONFIG0:
                return 0 if self.settings.pnp else CONFIG0_JP
            case R3.CONFIG1:
                place = (self._base >> 5 & 0xF) ^ 8  # 0x300 is 0, 0x200 is 8
                if self._irq is None:
                    return place
                return CONFIG1_IRQEN | IRQS[self._irq] << 4 | place
            case _:
                return 0

    def _reset(self) -> None:
        self.state.chip.reset()
        self._settle()

    def _settle(self) -> None:
        """After a change: drive the line; if the chip takes now what waits, `run` has its turn."""
        self.slot.irq.set(self.state.chip.interrupt)
        if self._waiting and self._takes(self._waiting):
            self._room.set()
            self.slot.backplane.kick()

    # -- the wire -----------------------------------------------------------------------------

    def _command(self, value: int) -> None:
        chip = self.state.chip
        was_sending = chip.sending
        chip.command(value)
        if chip.sending and not was_sending:
            if not self.slot.frames_out.full:
                self._transmit()
            elif not self.slot.commands:
                self.slot.post(Transmit())
        self._settle()

    def _transmit(self) -> None:
        frame = self.state.chip.transmit()
        if frame is not None:
            self.slot.frames_out.write(frame)
            self.slot.backplane.kick()  # its turn for whoever is on the wire

    def _takes(self, size: int) -> bool:
        """Whether a frame may come in now, be it to be thrown away.

        Drivers acknowledge PRX after their last look at the ring, and forget what came in between.
        On a wire the next frame reminds them; here it would wait for room in a ring nobody reads.
        """
        chip = self.state.chip
        if not self.settings.wait_for_room or not chip.on_line:
            return True
        return not chip.isr & chip.imr & ISR.PRX and chip.has_room(size)

    async def run(self, slot: Slot) -> None:
        """Receive, and wait for the back end when it is behind."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receiver, slot)
            async for _ in slot.commands:
                await slot.frames_out.room()
                if self.state.chip.sending:
                    self._transmit()
                    self._settle()

    async def _receiver(self, slot: Slot) -> None:
        while True:
            await slot.frames_in.wait()
            while frame := slot.frames_in.peek():
                frame = frame.ljust(FRAME_MIN, b"\0")  # as its sender should have done
                if not self._takes(len(frame)):
                    await self._wait_for_room(len(frame))
                    break
                slot.frames_in.read()
                self.state.chip.receive(frame)
                self._settle()

    async def _wait_for_room(self, size: int) -> None:
        self._waiting, self._room = size, trio.Event()
        try:
            await self._room.wait()
        finally:
            self._waiting = 0


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Ne2000 if name == Ne2000.name else None
