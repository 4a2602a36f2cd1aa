"""NS16550A UART: eight ports from 0x3F8 (or another base), IRQ 4 (or another).

Names follow the National Semiconductor PC16550D data sheet. Bytes sent leave at once on
`slot.output`, so the transmitter is empty again unless the outbox is full; bytes received wait in
`slot.input` until the FIFO has room, so there is no overrun from outside. The line settings decide
only how long a character takes (for the time-out), and the wire's framing is always right.
With `pnp` it is an ISA Plug and Play card (PNP0501).
"""

from __future__ import annotations

from typing import Any

import trio

from hotswap.bus import (
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

from .uart_registers import FCR, IER, IIR, LCR, LSR, MCR, MSR, Reg

INPUT_HZ = 1_843_200
FIFO = 16
TRIGGER = (1, 4, 8, 14)
"""Receiver trigger levels by the top two bits of the FCR."""
PNP_BASES = (0x3E8, 0x2E8, 0x2F8, 0x3F8)
"""COM3 and COM4 first: the others are often there already."""
PNP_IRQS = (3, 4, 5, 7, 9, 10, 11, 12, 15)


class UartSettings(Settings, frozen=True):
    """The jumpers: base address and IRQ line; with `pnp` the guest chooses both."""

    base: int = 0x3F8
    irq: int = 4
    pnp: bool = False


class UartState(State):
    ier: int = 0
    fcr: int = 0
    lcr: int = 0
    mcr: int = 0
    scr: int = 0
    divisor: int = 12
    """9600 baud; undefined on the chip until written."""
    fifo: bytes = b""
    """The receiver's FIFO, or its one byte."""
    overrun: bool = False
    thre: bool = True
    """The transmitter takes bytes."""
    thr_interrupt: bool = False
    """THRE has become true and neither IIR nor THR was touched since."""
    timed_out: bool = False
    """Four characters' time has passed since the FIFO was touched last."""
    time_out_at: int | None = None
    """When it will have; ns of machine time."""
    deltas: int = 0
    """The low half of the MSR."""


class Uart(Card[UartState]):
    """A serial port; its far end is `slot.output` and `slot.input`."""

    name = "uart"
    switchover = Policy.CARRY
    state_type = UartState
    settings_type = UartSettings
    settings: UartSettings

    def __init__(self, settings: Any = None) -> None:
        super().__init__(settings)
        self._base = self.settings.base
        self._room = trio.Event()
        self._full = trio.Event()

    def resources(self) -> Resources:
        """Eight ports at the base and one line."""
        base = self.settings.base
        if self.settings.pnp:
            return Resources()
        return Resources(
            ports=(PortRange(base, 8),),
            irqs=(self.settings.irq,),
            latches={base + Reg.SCR: "scr"},
        )

    def plug_and_play(self) -> PlugAndPlay | None:
        """A 16550A at one of the usual places."""
        if not self.settings.pnp:
            return None
        irqs = (IrqChoice(PNP_IRQS),)
        device = LogicalDevice(
            "PNP0501",
            alternatives=[Choices(ports=(PortChoice(base, 8),), irqs=irqs) for base in PNP_BASES],
            latches={Reg.SCR: "scr"},
        )
        return PlugAndPlay("HSH0501", "hotswap-host serial port", (device,))

    def configured(self, device: int, at: Configuration | None) -> None:
        """Where the guest wants it."""
        if at is not None:
            self._base = at.ports[0] or 0
            self._interrupt()

    # -- bus cycles ---------------------------------------------------------------------------

    def read(self, port: int, width: int) -> int:
        """One register."""
        state, reg = self.state, port - self._base
        if state.lcr & LCR.DLAB and reg <= Reg.IER:
            return state.divisor >> 8 * reg & 0xFF
        match reg:
            case Reg.RBR:
                return self._receive()
            case Reg.IER:
                return state.ier
            case Reg.IIR:
                return self._identify()
            case Reg.LCR:
                return state.lcr
            case Reg.MCR:
                return state.mcr
            case Reg.LSR:
                return self._line_status()
            case Reg.MSR:
                status, state.deltas = self._modem_lines() | state.deltas, 0
                self._interrupt()
                return status
            case _:
                return state.scr

    def write(self, port: int, width: int, value: int) -> None:
        """One register."""
        state, reg = self.state, port - self._base
        if state.lcr & LCR.DLAB and reg <= Reg.IER:
            shift = 8 * reg
            state.divisor = state.divisor & ~(0xFF << shift) | value << shift
            return
        match reg:
            case Reg.THR:
                self._send(value)
            case Reg.IER:
                if value & IER.ETBEI and not state.ier & IER.ETBEI:
                    state.thr_interrupt = state.thre
                state.ier = value & 0x0F
            case Reg.FCR:
                self._fifo_control(value)
            case Reg.LCR:
                state.lcr = value
            case Reg.MCR:
                self._modem_control(value)
            case Reg.SCR:
                state.scr = value
            case _:
                pass  # LSR and MSR: writing is for factory testing
        self._interrupt()

    # -- interrupts ---------------------------------------------------------------------------

    def _pending(self) -> IIR:
        state = self.state
        if state.ier & IER.ELSI and state.overrun:
            return IIR.LINE_STATUS
        if state.ier & IER.ERBFI:
            if len(state.fifo) >= self._trigger:
                return IIR.RECEIVED_DATA
            if state.timed_out:
                return IIR.TIME_OUT
        if state.ier & IER.ETBEI and state.thr_interrupt:
            return IIR.THR_EMPTY
        if state.ier & IER.EDSSI and state.deltas:
            return IIR.MODEM_STATUS
        return IIR.NONE

    def _interrupt(self) -> None:
        """INTR reaches the line through OUT2, which loop mode holds inactive."""
        enabled = self.state.mcr & (MCR.OUT2 | MCR.LOOP) == MCR.OUT2
        self.slot.irq.set(enabled and self._pending() is not IIR.NONE)

    def _identify(self) -> int:
        source = self._pending()
        if source is IIR.THR_EMPTY:
            self.state.thr_interrupt = False
            self._interrupt()
        return source | (0xC0 if self.state.fcr & FCR.ENABLE else 0)

    # -- receiver -----------------------------------------------------------------------------

    @property
    def _capacity(self) -> int:
        return FIFO if self.state.fcr & FCR.ENABLE else 1

    @property
    def _trigger(self) -> int:
        return TRIGGER[self.state.fcr >> 6] if self.state.fcr & FCR.ENABLE else 1

    def _receive(self) -> int:
        state = self.state
        value = state.fifo[0] if state.fifo else 0
        state.fifo = state.fifo[1:]
        self._touched()
        self._interrupt()
        if len(state.fifo) < self._trigger:
            self._make_room()
        return value

    def _make_room(self) -> None:
        """There is room; give `run` its turn when something waits outside for it."""
        self._room.set()
        if self.slot.input:
            self.slot.backplane.kick()

    def _touched(self) -> None:
        """The FIFO was read or written: the time-out starts anew."""
        state = self.state
        state.timed_out = False
        waiting = state.fcr & FCR.ENABLE and 0 < len(state.fifo) < self._trigger
        state.time_out_at = self.slot.clock.now() + 4 * self._character if waiting else None
        self.slot.alarm.set(state.time_out_at)

    @property
    def _character(self) -> int:
        """Time of one character on the line, in ns."""
        lcr = self.state.lcr
        bits = 7 + (lcr & LCR.WLS) + bool(lcr & LCR.STB) + bool(lcr & LCR.PEN)
        return bits * 16 * (self.state.divisor or 0x10000) * 1_000_000_000 // INPUT_HZ

    def _line_status(self) -> int:
        state = self.state
        status = LSR.THRE | LSR.TEMT if state.thre else 0
        if state.fifo:
            status |= LSR.DR
        if state.overrun:
            status |= LSR.OE
            state.overrun = False
            self._interrupt()
        return status

    def _fifo_control(self, value: int) -> None:
        state = self.state
        if (value ^ state.fcr) & FCR.ENABLE or value & FCR.CLEAR_RECEIVER:
            state.fifo = b""
        if value & FCR.ENABLE:
            state.fcr = value & (FCR.ENABLE | FCR.DMA_MODE | FCR.TRIGGER)
        else:  # the other bits are programmed only while this one is being set
            state.fcr &= ~FCR.ENABLE
        self._touched()
        self._make_room()

    # -- transmitter --------------------------------------------------------------------------

    def _send(self, value: int) -> None:
        state = self.state
        state.thr_interrupt = False
        self._interrupt()  # the next one is an edge of its own
        if state.mcr & MCR.LOOP:
            self._loop(value)
            state.thr_interrupt = state.thre
            return
        self.slot.output.write(bytes((value,)))
        if not self.slot.output.full:
            state.thr_interrupt = state.thre
        elif state.thre:
            state.thre = False
            self._full.set()
            self.slot.backplane.kick()

    def _loop(self, value: int) -> None:
        state = self.state
        if len(state.fifo) < self._capacity:
            state.fifo += bytes((value,))
        else:  # the FIFO keeps what it has; without one the new byte takes the place of the old
            state.overrun = True
            if not state.fcr & FCR.ENABLE:
                state.fifo = bytes((value,))
        self._touched()

    # -- modem --------------------------------------------------------------------------------

    def _modem_lines(self) -> int:
        """The high half of the MSR: a terminal that is there and ready, or the loop."""
        mcr = self.state.mcr
        if not mcr & MCR.LOOP:
            return MSR.CTS | MSR.DSR | MSR.DCD
        looped = (MCR.RTS, MSR.CTS), (MCR.DTR, MSR.DSR), (MCR.OUT1, MSR.RI), (MCR.OUT2, MSR.DCD)
        lines = 0
        for output, line in looped:
            if mcr & output:
                lines |= line
        return lines

    def _modem_control(self, value: int) -> None:
        before = self._modem_lines()
        self.state.mcr = value & 0x1F
        changed = before ^ (after := self._modem_lines())
        self.state.deltas |= changed >> 4 & (MSR.DCTS | MSR.DDSR | MSR.DDCD)
        if changed & MSR.RI and not after & MSR.RI:
            self.state.deltas |= MSR.TERI
        if not value & MCR.LOOP:
            self._make_room()

    # -- the card's own task ------------------------------------------------------------------

    async def run(self, slot: Slot) -> None:
        """Receive, time out, and wait for the back end when it is behind."""
        slot.alarm.set(self.state.time_out_at)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._receiver, slot)
            nursery.start_soon(self._timer, slot)
            nursery.start_soon(self._transmitter, slot)

    async def _transmitter(self, slot: Slot) -> None:
        while True:
            if self.state.thre:
                self._full = trio.Event()
                await self._full.wait()
            await slot.output.room()
            if not self.state.thre:
                self.state.thre = self.state.thr_interrupt = True
                self._interrupt()

    async def _receiver(self, slot: Slot) -> None:
        while True:
            self._room = trio.Event()
            room = 0 if self.state.mcr & MCR.LOOP else self._capacity - len(self.state.fifo)
            if room and slot.input:
                self.state.fifo += slot.input.read(room)
                self._touched()
                self._interrupt()
            elif room:
                await slot.input.wait()
            else:
                await self._room.wait()

    async def _timer(self, slot: Slot) -> None:
        while True:
            await slot.alarm.wait()
            self.state.timed_out, self.state.time_out_at = True, None
            self._interrupt()


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The entry point."""
    return Uart if name == Uart.name else None
