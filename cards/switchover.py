"""Switchover card: ports 0x180-0x1C3 (VLB, 32-bit cycles only), IRQ 10.

The mailbox between the coordinator on the host and the kernels on the board. The coordinator
issues commands by messages to the card's task, which puts them into CMD and raises the IRQ; what
the guest writes to ACK, LOG and HEARTBEAT reaches the coordinator on `signals`. The register
layout is this project's own: docs/switchover-card.md.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import trio

from hotswap.bus import (
    BoardEvent,
    Card,
    Policy,
    PortRange,
    Resources,
    Settings,
    Slot,
    State,
    hookimpl,
)
from hotswap.bus.choice import Choice

from .mailbox import Ack, Command, Verdict, due, judge, standstill
from .switchover_messages import (
    Acknowledged,
    Begin,
    End,
    Heartbeat,
    Issue,
    LogLine,
    Mark,
    Marked,
    Signal,
    Standstill,
)

CARD_ID = 0x31554B4C  # 'LKU1'
CARD_BASE, CARD_IRQ = 0x180, 10
LOG_LINE = 256  # bytes after which a line is handed on without waiting for its end
CRC_MAX = 16 << 20  # nobody has a turn while the engine works: some 10 ms
UNHEARD_MAX, KEPT = 1024, 64
"""Signals the coordinator may be behind, and how many of these places are not for the guest's lines
and heartbeats."""


class Register(Choice):
    """Registers of the switchover card: offsets from its base, 32-bit cycles only."""

    ID = 0x00, "r: 'LKU1'"
    CMD = 0x04, "r: what the host wants"
    ACK = 0x08, "w: phase << 24 | code << 16 | txn"
    SSM_PA = 0x0C, "rw: the map"
    SSM_LEN = 0x10, "rw: its bytes"
    HEARTBEAT = 0x14, "w: progress, 0 to 65535; kicks the watchdog"
    TIME_LO = 0x18, "r: monotonic ns, low half; latches the high half"
    TIME_HI = 0x1C, "r: the latched high half"
    ARG_SEL = 0x20, "rw: which argument ARG reads"
    ARG = 0x24, "r: the argument"
    LOG = 0x28, "w: up to four bytes for the host's log, the low one first, until one is 0"
    CRC_PA = 0x2C, "rw: CRC engine, first byte"
    CRC_LEN = 0x30, "rw: CRC engine, bytes, at most 16 MiB"
    CRC = 0x34, "r: CRC-32 of these bytes"
    DMA_DST = 0x38, "rw: where the card copies the image"
    DMA_GO = 0x3C, "w: txn; copies before the OUT ends, and only between ACK BOOT and DECODED"
    IRQ_ACK = 0x40, "w: takes the interrupt request back"


HELD: dict[int, str] = {
    Register.SSM_PA: "ssm_pa",
    Register.SSM_LEN: "ssm_len",
    Register.ARG_SEL: "arg_sel",
    Register.CRC_PA: "crc_pa",
    Register.CRC_LEN: "crc_len",
    Register.DMA_DST: "dma_dst",
}
"""Registers that only hold a number: these fields of the state."""


class Argument(Choice):
    """What ARG_SEL selects."""

    TXN = 0, "the switchover's number, 16 bits"
    BUDGET_US = 1, "time allowed for the blackout, us"
    STAGE_PA = 2, "the staged image"
    SCRATCH_LO = 3, "first byte of SCRATCH"
    SCRATCH_HI = 4, "its end"
    TARGET_MINOR = 5, "minor version of the map to write"
    ECHO_PA = 6, "where the echo goes"
    ECHO_LEN = 7, "room there, bytes"


class SwitchoverSettings(Settings, frozen=True, forbid_unknown_fields=True):
    """Jumpers, and where the machine keeps memory for a switchover (physical addresses)."""

    base: int = CARD_BASE
    irq: int = CARD_IRQ
    stage_pa: int = 0
    scratch_lo: int = 0
    scratch_hi: int = 0
    echo_pa: int = 0
    echo_len: int = 0


class SwitchoverState(State):
    cmd: int = Command.NONE
    txn: int = 0
    budget_us: int = 0
    target_minor: int = 0
    dest: int = 0
    ssm_pa: int = 0
    ssm_len: int = 0
    time_hi: int = 0
    arg_sel: int = 0
    crc_pa: int = 0
    crc_len: int = 0
    dma_dst: int = 0
    given: list[int] = msgspec.field(default_factory=list)
    """Answers of this transaction so far."""
    progress: int = 0
    beats: int = 0
    """Heartbeats in a row without progress."""
    line: str = ""


class SwitchoverCard(Card[SwitchoverState]):
    """CMD, ACK and DMA_GO act only during a switchover, on a full write with its number.

    The card is never frozen: it is how the coordinator talks to the kernels meanwhile.
    """

    name = "switchover"
    switchover = Policy.CARRY
    freezes = False
    state_type = SwitchoverState
    settings_type = SwitchoverSettings
    settings: SwitchoverSettings

    def __init__(self, settings: SwitchoverSettings | None = None) -> None:
        super().__init__(settings)
        self._image = b""
        self._send, self.signals = trio.open_memory_channel[Signal](math.inf)
        self.on_answer: Callable[[Acknowledged], None] = lambda answer: None
        """Hears an answer while the guest is still in its OUT."""
        self._lost = 0

    def resources(self) -> Resources:
        base = self.settings.base
        return Resources(
            ports=(PortRange(base, 0x44),),
            irqs=(self.settings.irq,),
            cycle_width=4,
            latches={base + register: field for register, field in HELD.items()},
        )

    def relay(self, event: BoardEvent) -> None:
        """Hand a board event to the coordinator, in order with what the guest says."""
        self._send.send_nowait(event)

    def read(self, port: int, width: int) -> int:
        if width != 4:
            return (1 << 8 * width) - 1
        state = self.state
        match port - self.settings.base:
            case Register.ID:
                return CARD_ID
            case Register.CMD:
                return state.cmd
            case Register.TIME_LO:
                now = self.slot.clock.now()
                state.time_hi = now >> 32 & 0xFFFFFFFF
                return now & 0xFFFFFFFF
            case Register.TIME_HI:
                return state.time_hi
            case Register.ARG:
                return self._argument(state.arg_sel)
            case Register.CRC:
                return self._crc()
            case register if register in HELD:
                held: int = getattr(state, HELD[register])
                return held
        return 0xFFFFFFFF

    def write(self, port: int, width: int, value: int) -> None:
        if width != 4:
            return  # half a command is no command
        state = self.state
        match port - self.settings.base:
            case Register.ACK:
                self._acknowledge(value)
            case Register.HEARTBEAT:
                self._beat(value & 0xFFFF)
            case Register.LOG:
                for byte in value.to_bytes(4, "little").partition(b"\0")[0]:
                    self._log(chr(byte))
            case Register.DMA_GO:
                self._copy_image(value)
            case Register.IRQ_ACK:
                self.slot.irq.set(False)
            case register if register in HELD:  # the processor's own, but for the bus trace
                setattr(state, HELD[register], value)

    async def run(self, slot: Slot) -> None:
        """Carry out what the coordinator asks; nothing here awaits, so nothing is half done."""
        async for order in slot.commands:
            match order:
                case Begin():
                    self._begin(order)
                case Issue():
                    self.state.cmd = order.command
                    self.state.progress = self.state.beats = 0
                    if order.interrupt:
                        slot.irq.pulse()
                case Mark(number=number):
                    self._send.send_nowait(Marked(number))
                case End():
                    self.state.cmd, self.state.txn = Command.NONE, 0
                    self._image = b""
                    slot.irq.set(False)
                    self._forget_signals()

    def _forget_signals(self) -> None:
        """Nobody hears them any more."""
        self._tell_lost()
        with suppress(trio.WouldBlock):
            while True:
                self.signals.receive_nowait()

    def _begin(self, order: Begin) -> None:
        state = self.state
        state.txn, state.budget_us = order.txn, order.budget_us
        state.target_minor, state.dest = order.target_minor, order.dest
        state.cmd, state.progress, state.beats, state.given = Command.NONE, 0, 0, []
        state.ssm_pa = state.ssm_len = 0
        self._image = order.image

    def _argument(self, which: int) -> int:
        state, settings = self.state, self.settings
        arguments: dict[int, int] = {
            Argument.TXN: state.txn,
            Argument.BUDGET_US: state.budget_us,
            Argument.STAGE_PA: settings.stage_pa,
            Argument.SCRATCH_LO: settings.scratch_lo,
            Argument.SCRATCH_HI: settings.scratch_hi,
            Argument.TARGET_MINOR: state.target_minor,
            Argument.ECHO_PA: settings.echo_pa,
            Argument.ECHO_LEN: settings.echo_len,
        }
        return arguments.get(which, 0xFFFFFFFF)

    def _acknowledge(self, value: int) -> None:
        state = self.state
        phase, code, txn = value >> 24, value >> 16 & 0xFF, value & 0xFFFF
        if not state.txn or txn != state.txn:
            late = Acknowledged(phase, code, 0, 0, Verdict.LATE)
            self._remark(f"{late} of transaction {txn} {Verdict.LATE.doc}")
            return
        verdict = judge(state.cmd, state.given, phase, code)
        if verdict is Verdict.ANSWER:
            state.given.append(phase)
            state.progress = state.beats = 0
        heard = Acknowledged(phase, code, state.ssm_pa, state.ssm_len, verdict)
        if verdict is Verdict.ANSWER:  # there are only so many of them
            self._send.send_nowait(heard)
            self.on_answer(heard)
        else:
            self._signal(heard)
        self.slot.backplane.kick()

    def _beat(self, progress: int) -> None:
        state = self.state
        if not state.txn:
            return
        before, state.progress = state.progress, progress
        if progress > before:
            state.beats = 0
            self._signal(Heartbeat(progress), KEPT)
            return
        state.beats += 1
        if wrong := standstill(before, progress, state.beats):
            state.beats = 0
            self._signal(Standstill(wrong))
            self.slot.backplane.kick()

    def _remark(self, text: str) -> None:
        """For the log of the card, and for that of the transaction under way."""
        self.slot.log.warning("mailbox", what=text)
        if self.state.txn:
            self._signal(LogLine(text), KEPT)

    def _log(self, character: str) -> None:
        state = self.state
        if character != "\n":
            state.line += character
        if character == "\n" or len(state.line) >= LOG_LINE:
            self.slot.log.info("guest", says=state.line)
            if state.txn:
                self._signal(LogLine(state.line), KEPT)
            state.line = ""

    def _signal(self, signal: Signal, kept: int = 0) -> None:
        """What the guest can say without end: lost when all places but `kept` are taken."""
        if self.signals.statistics().current_buffer_used >= UNHEARD_MAX - kept:
            self._lost += 1
            return
        self._tell_lost()
        self._send.send_nowait(signal)

    def _tell_lost(self) -> None:
        if self._lost:
            what = f"{self._lost} signals were lost: the coordinator was behind"
            self._lost = 0
            self.slot.log.warning("mailbox", what=what)
            self._send.send_nowait(LogLine(what))

    def _crc(self) -> int:
        memory = self.slot.backplane.memory
        state = self.state
        if (
            state.crc_len > CRC_MAX
            or memory is None
            or not memory.holds(state.crc_pa, state.crc_len)
        ):
            return 0
        return zlib.crc32(memory.read_memory(state.crc_pa, state.crc_len))

    def _copy_image(self, value: int) -> None:
        state, memory = self.state, self.slot.backplane.memory
        if not state.txn or value != state.txn or state.dma_dst != state.dest or memory is None:
            return
        if due(state.cmd, state.given) is Ack.DECODED:
            memory.write_memory(state.dest, self._image, by=self.name)
        else:
            self._remark(f"DMA_GO came before ACK {Ack.BOOT.name} or after {Ack.DECODED.name}")


@hookimpl
def hotswap_card(name: str) -> type[Card[Any]] | None:
    """The switchover card, for the card discovery."""
    return SwitchoverCard if name == SwitchoverCard.name else None
