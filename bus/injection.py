"""Faults that can be injected: what goes wrong with a cycle, a line or a card, as values.

They are plain data, so that a command line, a control socket and a test say the same; each is
checked when it is made. What they do is in `injections`, `faulty_cycles` and `faulty_line`.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from .cycle import FLOATING, PORTS, Space
from .duration import words as in_words

DELAY_MAX = 10_000_000
"""Longest wait of a cycle, ns: in real time the processor and all tasks of the host stand still.
A card on a real bus may hold CHRDY for 15 us."""
LATE_MAX = 10_000_000_000
"""Longest delay of an interrupt, ns."""
PERIOD_MIN = 10_000
"""Shortest period of a storm, ns: a shorter one would leave the guest no instruction."""
Direction: TypeAlias = Literal["in", "out", "both"]
_WORD = 0xFFFFFFFF


def _between(what: str, value: int, lowest: int, highest: int) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"{what} is {value}; use {lowest} to {highest}")


class Choosing(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    tag_field="fault",
):  # fmt: skip
    """Which of those that match are hit: the first `skip` are not, then every `every`-th one.

    Of these each is hit with `probability`, by a random number generator of its own that begins
    with `seed`; after `times` hits no more are (0: without end). Raises ValueError.
    """

    skip: int = 0
    every: int = 1
    times: int = 0
    probability: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        _between("skip", self.skip, 0, _WORD)
        _between("every", self.every, 1, _WORD)
        _between("times", self.times, 0, _WORD)
        if not 0 < self.probability <= 1:
            raise ValueError(f"probability is {self.probability:g}; use more than 0, 1 at most")

    @property
    def choice(self) -> str:
        """What is chosen, in words; empty when all are."""
        words = [f"after {self.skip}"] if self.skip else []
        words += [f"every {self.every}"] if self.every > 1 else []
        words += [f"p {self.probability:g} seed {self.seed}"] if self.probability < 1 else []
        words += [f"{self.times} times"] if self.times else []
        return " ".join(words)


class CycleFault(Choosing, frozen=True, kw_only=True):
    """Cycles that begin at `first` to `last` (by default the same) in `space`, as a card sees them:
    wide ones after they were cut to its data path.

    With `value`, only those whose value is that under `mask`; what is read has a value only when
    the card has given it, so it has been asked then. Raises ValueError.
    """

    first: int
    last: int | None = None
    space: Space = Space.PORT
    direction: Direction = "both"
    value: int | None = None
    mask: int = _WORD

    def __post_init__(self) -> None:
        super().__post_init__()
        highest = PORTS - 1 if self.space is Space.PORT else _WORD
        _between("first", self.first, 0, highest)
        _between("last", self.end - 1, self.first, highest)
        _between("mask", self.mask, 1, _WORD)
        if self.value is not None:
            _between("value", self.value, 0, _WORD)
            if self.value & ~self.mask:
                raise ValueError(f"value {self.value:#x} has bits that mask {self.mask:#x} has not")

    @property
    def end(self) -> int:
        """The address behind the last one."""
        return (self.first if self.last is None else self.last) + 1

    def wants(self, value: int) -> bool:
        """Whether a cycle with this value matches."""
        return self.value is None or value & self.mask == self.value

    def meets(self, other: CycleFault) -> bool:
        """Whether a cycle could match both, were it not for its value."""
        return (
            self.space is other.space
            and self.first < other.end
            and other.first < self.end
            and (self.direction == other.direction or "both" in {self.direction, other.direction})
        )

    @property
    def place(self) -> str:
        """The addresses, in words."""
        digits = 4 if self.space is Space.PORT else 8
        last = f"-{self.end - 1:#0{digits + 2}x}" if self.end - self.first > 1 else ""
        return f"{self.space.value} {self.first:#0{digits + 2}x}{last}"

    @property
    def effect(self) -> str:
        """What becomes of the cycle, in words."""
        return ""

    def __str__(self) -> str:
        kind = type(self).__name__.lower()
        words = [kind, self.effect, self.place]
        words += [] if self.direction == "both" else [self.direction]
        if self.value is not None:
            words.append(f"value {self.value:#x}" + f"/{self.mask:#x}" * (self.mask != _WORD))
        return " ".join(filter(None, [*words, self.choice]))


class Drop(CycleFault, frozen=True, kw_only=True, tag="drop"):
    """The card does not see the cycle: what is read floats, what is written is lost."""


class Delay(CycleFault, frozen=True, kw_only=True, tag="delay"):
    """Wait states: the card sees the cycle at once, and the CPU goes on `ns` of machine time later.

    Alarms and interrupts that fall due meanwhile come when the CPU has gone on. 10 ms at most.
    """

    ns: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _between("ns", self.ns, 1, DELAY_MAX)

    @property
    def effect(self) -> str:
        """How long."""
        return in_words(self.ns)


class Duplicate(CycleFault, frozen=True, kw_only=True, tag="duplicate"):
    """The card sees the cycle twice; what is read is its second answer."""


class Corrupt(CycleFault, frozen=True, kw_only=True, tag="corrupt"):
    """The data lines: those of `high` are stuck at 1, those of `low` at 0, those of `xor` inverted.

    Masks of bits that a narrower cycle does not have do nothing there. Raises ValueError.
    """

    xor: int = 0
    high: int = 0
    low: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("xor", "high", "low"):
            _between(name, getattr(self, name), 0, _WORD)
        if not self.xor | self.high | self.low:
            raise ValueError("corrupt needs bits: xor, high or low")
        if both := self.high & self.low | self.xor & (self.high | self.low):
            raise ValueError(f"bits {both:#x} are in more than one of xor, high and low")

    def corrupted(self, value: int, width: int) -> int:
        """What arrives at the other end."""
        return (value | self.high) & ~self.low & FLOATING[width] ^ self.xor & FLOATING[width]

    @property
    def effect(self) -> str:
        """The bits."""
        masks = {name: getattr(self, name) for name in ("xor", "high", "low")}
        return " ".join(f"{name} {mask:#x}" for name, mask in masks.items() if mask)


class IrqFault(Choosing, frozen=True, kw_only=True):
    """What becomes of rising edges of an IRQ line on their way to the interrupt controller."""

    irq: int

    def __str__(self) -> str:
        name = type(self).__name__.removesuffix("Irq").lower()
        return " ".join(filter(None, [f"{name} IRQ {self.irq}", self.choice]))


class LoseIrq(IrqFault, frozen=True, kw_only=True, tag="lose-irq"):
    """The edge does not arrive; the line is seen low until the card raises it again."""


class DelayIrq(IrqFault, frozen=True, kw_only=True, tag="delay-irq"):
    """The edge arrives `ns` later, and its fall never before it."""

    ns: int

    def __post_init__(self) -> None:
        super().__post_init__()
        _between("ns", self.ns, 1, LATE_MAX)

    def __str__(self) -> str:
        return " ".join(filter(None, [f"delay {in_words(self.ns)} IRQ {self.irq}", self.choice]))


class StormIrq(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True,
    tag_field="fault", tag="storm-irq",
):  # fmt: skip
    """Every `ns` the line has a spike, or a gap where its card holds it high: it rises each time.

    The first comes at once; there are `times` of them (0: without end).
    """

    irq: int
    ns: int
    times: int = 0

    def __post_init__(self) -> None:
        _between("ns", self.ns, PERIOD_MIN, LATE_MAX)
        _between("times", self.times, 0, _WORD)

    def __str__(self) -> str:
        times = f" {self.times} times" if self.times else ""
        return f"storm IRQ {self.irq} every {in_words(self.ns)}{times}"


class LoseDrq(Choosing, frozen=True, kw_only=True, tag="lose-drq"):
    """A rising edge of a DRQ line does not arrive at the DMA controller."""

    drq: int

    def __str__(self) -> str:
        return " ".join(filter(None, [f"lose DRQ {self.drq}", self.choice]))


class LoseTc(Choosing, frozen=True, kw_only=True, tag="lose-tc"):
    """The card on a DRQ line does not see TC; the controller has ended the transfer."""

    drq: int

    def __str__(self) -> str:
        return " ".join(filter(None, [f"lose TC of DRQ {self.drq}", self.choice]))


class WholeCard(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"
):
    """What happens to a card: the first one of that name, or the one in slot number `card`."""

    card: str | int


class HangCard(WholeCard, frozen=True, kw_only=True, tag="hang"):
    """The card's task stands still and its alarms do not ring; it goes on answering cycles."""

    def __str__(self) -> str:
        return f"hang card {self.card}"


class KillCard(WholeCard, frozen=True, kw_only=True, tag="kill"):
    """The card is off the bus with a `CardFault`, as if it had raised."""

    def __str__(self) -> str:
        return f"kill card {self.card}"


LineFault: TypeAlias = LoseIrq | DelayIrq | StormIrq | LoseDrq | LoseTc
AnyFault: TypeAlias = (
    Drop | Delay | Duplicate | Corrupt
    | LoseIrq | DelayIrq | StormIrq | LoseDrq | LoseTc
    | HangCard | KillCard
)  # fmt: skip
"""All that can be injected."""
