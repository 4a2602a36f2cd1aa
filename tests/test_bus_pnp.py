"""What a Plug and Play card may say of itself; what cannot be is refused at insertion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    Choices,
    DmaChoice,
    IrqChoice,
    LogicalDevice,
    MemoryChoice,
    PlugAndPlay,
    PortChoice,
    State,
)

PORTS = PortChoice(0x300, 8, last=0x320, step=0x10)


class Odd(Card[State]):
    """Says of itself what it is told to."""

    name = "odd"
    state_type = State

    def __init__(self, make: Callable[[], PlugAndPlay]) -> None:
        super().__init__()
        self.make = make

    def plug_and_play(self) -> PlugAndPlay | None:
        return self.make()


def identity(*devices: LogicalDevice, **fields: Any) -> PlugAndPlay:
    values: dict[str, Any] = {"id": "TST0001", "name": "a test", "devices": devices or (device(),)}
    return PlugAndPlay(**(values | fields))


def device(always: Choices = Choices(), *others: Choices, **fields: Any) -> LogicalDevice:  # noqa: B008
    values: dict[str, Any] = {"id": "TST0002", "always": always, "alternatives": others} | fields
    return LogicalDevice(**values)


def test_a_choice_of_ports_is_a_row_of_bases() -> None:
    assert list(PORTS.bases) == [0x300, 0x310, 0x320]
    assert list(PortChoice(0x300, 8).bases) == [0x300]


def test_alternatives_stand_behind_what_is_needed_always() -> None:
    low, high, always = PortChoice(0x200, 8), PortChoice(0x280, 8), PortChoice(0x100, 4)
    both = device(Choices((always,)), Choices((low,)), Choices((high,)), Choices())
    assert both.ports == [[always], [low, high]]


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda: identity(id="tst0001"), r"`\$.id`"),
        (lambda: identity(id="TST00"), r"`\$.id`"),
        (lambda: identity(device(id="TST000G")), r"`\$.devices\[0\].id`"),
        (lambda: identity(device(compatible=("PNP",))), r"`\$.devices\[0\].compatible\[0\]`"),
        (lambda: identity(serial=1 << 32), r"`\$.serial`"),
        (lambda: identity(name="Größe"), "the name 'Größe' is not printable ASCII"),
        (lambda: identity(device(name="\0")), "is not printable ASCII"),
        (lambda: PlugAndPlay("TST0001", "", ()), "0 logical devices; give 1 to 255"),
        (lambda: identity(device(Choices((PORTS,) * 9))), "TST0002: 9 descriptors of ports"),
        (
            lambda: identity(device(Choices((PortChoice(0x240, 32, last=0x280, step=32),)))),
            "TST0002: ports from 0x240 would cover 0x279",
        ),
        (lambda: identity(device(latches={0: "x"})), "TST0002: latches without ports"),
        (
            lambda: identity(device(Choices(), Choices((PORTS,)), Choices((PortChoice(1, 4),)))),
            "the alternatives of ports, descriptor 0, are of different sizes",
        ),
        (
            lambda: identity(
                device(
                    Choices(),
                    Choices(irqs=(IrqChoice((5,), level=True),)),
                    Choices(irqs=(IrqChoice((5,)),)),
                )
            ),
            "the alternatives of IRQs, descriptor 0, are of different sizes or kinds",
        ),
        (lambda: PortChoice(0, 8), "beyond 1-0xffff"),
        (lambda: PortChoice(0xFFF9, 8), "beyond 1-0xffff"),
        (lambda: PortChoice(0x300, 256), "256 ports by steps of 1: give 1 to 255"),
        (lambda: PortChoice(0x300, 8, step=0), "8 ports by steps of 0: give 1 to 255"),
        (lambda: IrqChoice(()), r"IRQ \[\]"),
        (lambda: IrqChoice((2,)), r"IRQ \[2\]: give lines of 1 to 15, but for 2"),
        (lambda: DmaChoice((4,)), r"DMA \[4\]"),  # type: ignore[arg-type]
        (lambda: MemoryChoice(0xD0000, 0x3000), "0x3000 bytes: give a power of two"),
        (lambda: MemoryChoice(0xD1000, 0x2000), "give multiples of the size"),
        (lambda: MemoryChoice(0xD0000, 0x2000, last=0xDF000), "give multiples of the size"),
        (lambda: MemoryChoice(0x1000000, 0x1000), "beyond 16 MiB"),
    ],
)
async def test_what_cannot_be_is_refused_and_nothing_is_plugged_in(
    backplane: Backplane, make: Callable[[], PlugAndPlay], what: str
) -> None:
    with pytest.raises(BusError, match=f"^card odd: .*{what}"):
        await backplane.insert(Odd(make))
    assert backplane.slots == {}


async def test_two_cards_no_guest_could_tell_apart_are_refused(backplane: Backplane) -> None:
    await backplane.insert(Odd(lambda: identity(serial=7)))
    with pytest.raises(BusError, match=r"TST0001 with serial number 0x7 is card odd in slot 0 too"):
        await backplane.insert(Odd(lambda: identity(serial=7)))
    await backplane.insert(Odd(lambda: identity(serial=8)))


async def test_without_a_serial_number_it_is_that_of_the_slot(backplane: Backplane) -> None:
    for _ in range(2):
        await backplane.insert(Odd(identity))
    parts = [slot.pnp for slot in backplane.slots.values()]
    assert [part.serial for part in parts if part is not None] == [0, 1]
