"""What a card is: the class every chip and every third-party card derives from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import msgspec
import trio

from .cycle import FLOATING, MemoryRange, PortRange, Width
from .errors import StateError
from .pnp import Configuration, PlugAndPlay
from .state import SavedState, State, load_state, save_state

if TYPE_CHECKING:
    from .slot import Slot


class Policy(Enum):
    """What becomes of a card when the kernel under it is replaced."""

    CARRY = "carry"
    """State, queue and lines go on as they are."""
    REINITIALISE = "reinitialise"
    """Begins anew by `Card.reinitialise`, with its settings; its connections stay."""
    COLD_RESET = "cold reset"
    """Gets a RESET before the new kernel sees it."""
    REFUSE = "refuse"
    """A switchover is refused while this card is plugged in."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of a card's settings: the jumpers, set at insertion."""


class Resources(msgspec.Struct, frozen=True):
    """What a card leases from the backplane.

    `cycle_width` is its data path in bytes, `disks` the number of its drives. `latches` are ports
    whose register is a field of the state that an OUT only stores and an IN only reads: the
    processor does both without the card, and the state has the number when the card next looks.
    They are 8 bits wide, those of a VLB card (`cycle_width` 4) 32.
    """

    ports: Sequence[PortRange] = ()
    irqs: Sequence[int] = ()
    drqs: Sequence[int] = ()
    windows: Sequence[MemoryRange] = ()
    cycle_width: Width = 1
    disks: int = 0
    latches: Mapping[int, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("ports", "irqs", "drqs", "windows"):  # equal ones are, list or tuple
            msgspec.structs.force_setattr(self, name, tuple(getattr(self, name)))


S = TypeVar("S", bound=State)


class Card(Generic[S]):
    """One chip or card. Subclasses set the class attributes and override what they need.

    `read`, `write`, `memory_read` and `memory_write` are bus cycles: they run in the CPU's turn,
    may touch nothing but this card, must not await and must be quick; whatever takes time is posted
    to `slot.commands` (with `slot.post`) and done by `run`, the card's own task. At every await of
    `run` a bus cycle may have changed `state`: look again afterwards. `run` is cancelled to freeze
    the card and started again from `state` to thaw it, so everything that matters is in `state`.
    """

    name: ClassVar[str]
    """The name it is inserted by: what is printed on the chip, or what users call it."""
    api: ClassVar[tuple[int, int]] = (1, 0)
    """The `API_VERSION` it is written for; the backplane refuses one it does not have."""
    ports: ClassVar[PortRange | Sequence[PortRange]] = ()
    irq: ClassVar[int | None] = None
    drq: ClassVar[int | None] = None
    cycle_width: ClassVar[Width] = 1
    """1 and 2: an ISA card of 8 or 16 bit, wider cycles are split. 4: VLB, cycles arrive whole."""
    switchover: ClassVar[Policy] = Policy.CARRY
    needs: ClassVar[Sequence[str]] = ()
    """Names of cards this one uses to end its work: it is frozen before them, thawed after. Those
    of its IRQ and DRQ lines go without saying."""
    freezes: ClassVar[bool] = True
    """False only for the card a switchover is conducted through."""
    state_type: ClassVar[type[State]]
    settings_type: ClassVar[type[Settings]] = Settings
    settable: ClassVar[frozenset[str]] = frozenset()
    """Names of the settings that may be changed while it is plugged in, see `change`."""

    settings: Any
    """An instance of `settings_type`; subclasses annotate it so."""
    state: S
    slot: Slot

    def __init__(self, settings: Any = None) -> None:
        self.settings = self.settings_type() if settings is None else settings
        self.power_on()

    def resources(self) -> Resources:
        """What to lease; by default what the class attributes say."""
        ports = (self.ports,) if isinstance(self.ports, PortRange) else tuple(self.ports)
        return Resources(
            ports=ports,
            irqs=() if self.irq is None else (self.irq,),
            drqs=() if self.drq is None else (self.drq,),
            cycle_width=self.cycle_width,
        )

    def alternatives(self) -> Sequence[Resources]:
        """What it could lease instead, as jumpers offer it: the first that is free is taken.

        `slot.resources` tells from `plugged` on which. By default there is `resources()` only; a
        card that overrides this need not override that.
        """
        return (self.resources(),)

    def plug_and_play(self) -> PlugAndPlay | None:
        """For an ISA Plug and Play card: what the guest finds, and configures.

        Asked at insertion. `resources` then says no ports, windows and lines: the guest chooses
        them, and they are leased while a logical device is active. By default None: jumpers.
        """
        return None

    def configured(self, device: int, at: Configuration | None) -> None:
        """Plug and Play: logical device `device` has its leases, `at` these; None: no more.

        Comes in a bus cycle, when a saved state has been put back or taken over; so it may
        remember where things are and drive lines, but changes no state and does not await.
        """

    def change(self, settings: Any) -> None:
        """Some `settable` settings have new values, which fit: go on with `settings`.

        In the operator's turn, as quick as a bus cycle. A `ValueError` refuses them all; raise it
        before anything is touched. What the card has leased stays.
        """
        self.settings = settings

    def power_on(self) -> None:
        """Set `state` to what it is after power-on or RESET."""
        self.state = self.state_type()  # type: ignore[assignment]

    def reinitialise(self) -> None:
        """A new kernel takes over (`Policy.REINITIALISE`): begin anew, in the same slot.

        The card is frozen, its queue empty, its lines are low. Leases, windows, settings and
        what waits in the streams stay; bus cycles come again at once.
        """
        self.power_on()

    def plugged(self, slot: Slot) -> None:
        """The leases are taken; `self.slot` is set. Runs before the first bus cycle."""

    def read(self, port: int, width: int) -> int:
        """IN from one of the card's ports; `width` is at most `cycle_width` bytes."""
        return FLOATING[width]

    def write(self, port: int, width: int, value: int) -> None:
        """OUT to one of the card's ports."""

    def burst_read(self, port: int, size: int) -> None:
        """INs have taken `size` bytes of what was given to `slot.burst_in`: go on behind them."""

    def burst_written(self, port: int, content: bytes) -> None:
        """OUTs have brought `content` after `slot.burst_out`; it is no more than was asked for."""

    def memory_read(self, address: int, width: int) -> int:
        """Load from one of the card's memory windows."""
        return FLOATING[width]

    def memory_write(self, address: int, width: int, value: int) -> None:
        """Store into one of the card's memory windows."""

    def dma_read(self, line: int, size: int) -> bytes:
        """Up to `size` bytes for memory, in the DMA controller's turn; fewer are a pause.

        As a bus cycle: it may touch nothing but this card and must be quick. On DRQ 5 to 7 the bus
        is 16 bits wide and sizes are even.
        """
        return b""

    def dma_write(self, line: int, content: bytes, terminal: bool) -> int:
        """Take bytes from memory; returns how many. `terminal`: TC comes with the last of them."""
        return 0

    def dma_end(self, line: int) -> None:
        """TC: all that was programmed has been moved; comes after the last of it."""

    async def run(self, slot: Slot) -> None:
        """The card's own task, from thaw to freeze. Returning early is fine."""
        await trio.sleep_forever()

    def close(self) -> None:
        """The card is not used any more: give back what is not Python's, an engine or a process.

        Comes once, after its removal or replacement, when its task has ended; a card that was never
        plugged in is closed by whoever made it.
        """

    def save(self) -> SavedState:
        """The state as bytes."""
        return save_state(self.name, self.state)

    def load(self, saved: SavedState) -> None:
        """Put a saved state back. Raises `StateError` when it is not this card's."""
        if saved.card != self.name:
            raise StateError(f"card {self.name}: this is the state of a {saved.card}")
        self.state = load_state(self.state_type, saved)  # type: ignore[assignment]

    def adopt(self, saved: SavedState) -> None:
        """Take over from another implementation of this card, in its slot, under a running guest.

        The other one is frozen, its leases, lines and streams are this card's. Raises `StateError`;
        then the other one goes on.
        """
        self.load(saved)
