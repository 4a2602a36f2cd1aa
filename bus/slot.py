"""A slot and the two scopes of the card in it.

Slot scope, from insert to remove: owns leases, lines, queue, streams and state. Run scope, from
thaw to freeze: the task `card.run`. A freeze ends the run scope only, so a frozen card goes on
answering bus cycles from its state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
import trio

from .card import Card, Policy, Resources, Settings
from .clock import Alarm, MachineClock
from .commands import Commands
from .disk import Disk
from .errors import CARD_RAISES, BusError, CardError, CodeError
from .frames import FrameInbox, FrameOutbox
from .leases import Lease, together
from .line import Unconnected, Wire
from .mapped import Mapped, MappedMemory
from .pins import CardFault
from .pnp_interface import PnpInterface
from .pnp_logic import PnpState
from .run_scope import RunScope
from .state import SavedState
from .stream import Inbox, Outbox

if TYPE_CHECKING:
    from .backplane import Backplane


class SlotState(msgspec.Struct):
    """All a slot holds at one instant, except the streams (which keep their own mark)."""

    slot: int
    saved: SavedState
    commands: list[Any]
    fault: CardFault | None
    pnp: PnpState | None = None
    """Of a Plug and Play card."""


class Slot(RunScope):
    """One card's place on the backplane; what the card sees of the board."""

    def __init__(
        self, number: int, card: Card[Any], backplane: Backplane, resources: Resources
    ) -> None:
        super().__init__()
        self.number = number
        self.card = card
        self.resources = resources
        """What the card has leased: the one of its alternatives that was taken."""
        self.leases: list[Lease] = []
        """And what it has taken since."""
        self.pnp: PnpInterface | None = None
        """The Plug and Play part of the card, if it has one."""
        self.log = structlog.get_logger().bind(card=card.name, slot=number)
        self.commands: Commands[Any] = Commands()
        self.output = Outbox()
        self.input = Inbox()
        self.frames_out = FrameOutbox()
        self.frames_in = FrameInbox()
        self.irqs: list[Wire] = []
        self.drqs: list[Wire] = []
        self.disks: list[Disk] = []
        self.fault: CardFault | None = None
        self.alarm: Alarm = backplane.clock.alarm(number)
        self.backplane = backplane
        self.alarms = [self.alarm]
        """That one and the further ones."""
        self.own_memory = MappedMemory(self)
        self.raised: list[Wire] = []
        """The lines that were high when the card was taken off the bus."""
        self._connections: set[trio.CancelScope] = set()
        self._pulled = False

    # -- what a card uses ---------------------------------------------------------------------

    @property
    def clock(self) -> MachineClock:
        """Machine time."""
        return self.backplane.clock

    @property
    def irq(self) -> Wire:
        """The card's first IRQ line; unconnected while a Plug and Play card has none."""
        if not self.irqs and self.pnp is not None:
            return Unconnected(self.backplane.irq, 0, self.number, self.title)
        return self.irqs[0]

    @property
    def drq(self) -> Wire:
        """The card's first DRQ line; as `irq`."""
        if not self.drqs and self.pnp is not None:
            return Unconnected(self.backplane.drq, 0, self.number, self.title)
        return self.drqs[0]

    @property
    def leased(self) -> Resources:
        """All the card has leased now."""
        return together(self.resources, self.leases)

    def lease(self, resources: Resources) -> Lease:
        """Take more of the bus while plugged in: all of `resources`, or `BusError` and none.

        In a bus cycle too. `irqs` and `drqs` have the new wires at their end. What is leased so is
        not saved: a card that does it takes it again when its state is put back.
        """
        return self.backplane.lease(self, resources)

    def release(self, lease: Lease) -> None:
        """Give a lease back: from the next cycle on its ports float, and its lines are low."""
        self.backplane.release(self, lease)

    def new_alarm(self) -> Alarm:
        """A further alarm, for cards with more than one timer."""
        alarm = self.clock.alarm(self.number)
        self.alarms.append(alarm)
        return alarm

    @contextmanager
    def calling(self, due: Callable[[], None]) -> Iterator[None]:
        """While the block runs, call `due` whenever `alarm` rings, in the CPU's turn.

        For `run`, and for what needs no task: `due` is as quick as a bus cycle, and twice as fast
        as waking who waits for the alarm. It may set the alarm again.
        """

        def call() -> None:
            try:
                due()
            except CARD_RAISES as error:  # as in _run_card
                self.set_fault(error)

        self.alarm.call = call
        try:
            yield
        finally:
            self.alarm.call = None

    def post(self, command: Any) -> None:
        """Post work to `run` and end the CPU's slice, so that the task has its turn soon."""
        self.commands.post(command)
        self.backplane.kick()

    def feed(self, command: Any) -> None:
        """As `post`, for back ends: what came from outside is not lost when a switchover is undone.

        Bytes and frames have streams of their own, `input` and `frames_in`.
        """
        self.commands.feed(command)
        self.backplane.kick()

    def burst_in(self, port: int, width: int, content: bytes) -> None:
        """For `read`: what the next INs of `port`, `width` bytes each, would give.

        Whole words, each of which would do nothing but go on to the next; the processor takes of
        them as long as nothing else happens, then the card's `burst_read` says how much it was.
        """
        self.backplane.io.burst.offer_in(self, port, width, content)

    def burst_out(self, port: int, width: int, size: int) -> None:
        """For `write`: room for `size` bytes, as `burst_in`; then comes `burst_written`."""
        self.backplane.io.burst.offer_out(self, port, width, size)

    def map_ram(self, start: int, size: int) -> memoryview:
        """Memory of the card's own in one of its windows, e.g. video RAM, at the speed of RAM.

        For `plugged`. The guest sees it until the card is removed; its content belongs into the
        card's saved state. Raises `BusError` on a board without a processor, `HotswapError`.
        """
        return self.own_memory.map_ram(start, size)

    def unmap_ram(self, start: int) -> None:
        """Undo `map_ram`: the memory is nobody's again, or that of the card before."""
        self.own_memory.unmap_ram(start)

    def map_rom(self, start: int, content: bytes) -> None:
        """As `map_ram`, but stores are discarded."""
        self.own_memory.map_rom(start, content)

    @property
    def mapped(self) -> Mapped:
        """The card's own memory by its start: RAM as it is, or the content of ROM."""
        return self.own_memory.there

    # -- settings ---------------------------------------------------------------------------------

    def change(self, settings: Settings) -> None:
        """See `Slots.change`, which is what to call."""
        card, before = self.card, self.card.settings
        if self.fault is not None:
            raise BusError(f"card {card.name} has a fault: {self.fault.what}; remove it")
        differing = {
            name for name in before.__struct_fields__
            if getattr(before, name) != getattr(settings, name)
        }  # fmt: skip
        if fixed := sorted(differing - card.settable):
            free = ", ".join(sorted(card.settable)) or "no setting"
            raise BusError(
                f"card {card.name}: {', '.join(fixed)} cannot be changed while it is plugged in, "
                f"{free} can; remove it and insert it with other settings"
            )
        if not differing:
            return
        try:
            card.change(settings)
        except ValueError as error:
            card.settings = before
            raise BusError(f"card {card.name}: {error}; its settings are as before") from error
        except CARD_RAISES as error:
            card.settings = before
            self.set_fault(error)
            what = f"it could not change its settings: {type(error).__name__}: {error}"
            raise CardError(card.name, what) from error
        card.settings = settings
        self.log.info("settings changed", settings=sorted(differing))

    # -- the scopes, driven by the backplane --------------------------------------------------

    @property
    def title(self) -> str:
        """The card's name."""
        return self.card.name

    async def _run(self) -> None:
        await self.card.run(self)

    @property
    def is_connected(self) -> bool:
        """True while a back end is at one of the card's connectors."""
        return bool(self._connections)

    @contextmanager
    def connected(self) -> Iterator[None]:
        """For back ends: the block is cancelled when the card is removed."""
        with trio.CancelScope() as scope:
            if self._pulled:
                scope.cancel()
            self._connections.add(scope)
            try:
                yield
            finally:
                self._connections.remove(scope)

    def take(self, card: Card[Any]) -> None:
        """`card` is in this slot now, instead of the one before; it must be frozen."""
        self.card, card.slot = card, self
        self.log = structlog.get_logger().bind(card=card.name, slot=self.number)
        for wire in (*self.irqs, *self.drqs):
            wire.card = card.name

    def close(self) -> None:
        """The card is out for good."""
        try:
            self.card.close()
        except Exception as error:  # it is nobody's any more
            self.log.error("card does not close", exc_info=error)

    async def sent(self, seconds: float) -> None:
        """Until the back end has taken every byte that was written, for so long at most."""
        with trio.move_on_after(seconds if self._connections else 0):
            await self.output.drained()

    def disconnect(self) -> None:
        """Pull the plugs out of the card's connectors, for good."""
        self._pulled = True
        for connection in self._connections:
            connection.cancel()

    def cold_reset(self) -> None:
        """Pull the card's RESET: power-on state, an empty queue, lines low. It must be frozen."""
        self._power_on()
        if self.pnp is not None:
            self.pnp.reset()
        self.needs_reset = False

    def reset(self) -> None:
        """As the card's own RESET does, in the middle of its work: `run` begins anew."""
        running = self._thawed.is_set()
        self._power_on()
        if running and self.fault is None:
            self.end_run()
            self._thawed.set()

    def _power_on(self) -> None:
        try:
            self.card.power_on()
        except CARD_RAISES as error:  # this is the board's turn, not the card's
            self.set_fault(error)
        for alarm in self.alarms:
            alarm.set(None)
        self.commands.restore([])
        self._drop_lines()

    def reinitialise(self) -> None:
        """As `cold_reset`, but the card itself says what is left. It must be frozen."""
        self.commands.restore([])
        self._drop_lines()
        try:
            self.card.reinitialise()
        except CARD_RAISES as error:  # the card's fault, not the board's
            self.set_fault(error)

    def _drop_lines(self) -> None:
        for wire in (*self.irqs, *self.drqs):
            wire.set(False)

    def set_fault(self, error: BaseException) -> None:
        """Take a card that raised off the bus; it stays in its slot until removed or restored."""
        if self.fault is not None:
            return
        while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
            error = error.exceptions[0]  # as raised, before the card's nurseries wrapped it
        self.fault = CardFault.of(self.number, self.card.name, error)
        told = None if isinstance(error, CodeError) else error  # else it is the card's own code
        self.log.error("card fault", what=self.fault.what, exc_info=told)
        self.backplane.unplug_ports(self)
        self.raised = [wire for wire in (*self.irqs, *self.drqs) if wire.level]
        self._drop_lines()
        self.end_run()
        self.backplane.report(self.fault)

    def burst_read(self, port: int, size: int) -> None:
        """The end of a burst; the card's fault when it raises."""
        try:
            self.card.burst_read(port, size)
        except CARD_RAISES as error:  # this may be another card's cycle
            self.set_fault(error)

    def burst_written(self, port: int, content: bytes) -> None:
        """As `burst_read`."""
        try:
            self.card.burst_written(port, content)
        except CARD_RAISES as error:
            self.set_fault(error)

    # -- snapshot -----------------------------------------------------------------------------

    def snapshot(self) -> SlotState:
        """State and queue as values. Raises `CardError`."""
        pnp = None if self.pnp is None else self.pnp.save()
        return SlotState(self.number, self.save(), self.commands.snapshot(), self.fault, pnp)

    def save(self) -> SavedState:
        """The card's state. Raises `CardError` when it gives none."""
        try:
            return self.card.save()
        except CARD_RAISES as error:
            words = str(error).removeprefix(f"card {self.title}: ")
            what = f"it gives no state: {words}; remove the card and insert it anew"
            raise CardError(self.title, what) from error

    def restore(self, state: SlotState) -> None:
        """Put a snapshot back; the card must be frozen. Lifts a fault that came later."""
        self.card.load(state.saved)
        self.commands.restore(state.commands)
        if self.fault is not None and state.fault is None:
            self.backplane.replug_ports(self)
        self.fault = state.fault
        if self.pnp is not None:
            self.pnp.load(state.pnp)
            if self.fault is not None:
                self.backplane.unplug_ports(self)
        self.needs_reset = self.running and self.card.freezes  # it may still change its state

    @property
    def policy(self) -> Policy:
        """The card's switch policy, or COLD_RESET after a flush that was cut short."""
        return Policy.COLD_RESET if self.needs_reset else self.card.switchover
