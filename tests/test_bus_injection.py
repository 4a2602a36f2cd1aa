"""The vocabulary of injected faults: checked when made, plain data, said in words."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from hotswap.bus.cycle import Space
from hotswap.bus.injection import (
    AnyFault,
    Corrupt,
    Delay,
    DelayIrq,
    Drop,
    Duplicate,
    HangCard,
    KillCard,
    LoseDrq,
    LoseIrq,
    LoseTc,
    StormIrq,
)

WRONG: list[tuple[Callable[[], AnyFault], str]] = [
    (lambda: Drop(first=0x10000), "first is 65536; use 0 to 65535"),
    (lambda: Drop(first=0x300, last=0x2FF), "last is 767; use 768 to 65535"),
    (lambda: Drop(first=1, every=0), "every is 0; use 1 to"),
    (lambda: Drop(first=1, skip=-1), "skip is -1; use 0 to"),
    (lambda: Drop(first=1, times=-1), "times is -1; use 0 to"),
    (lambda: Drop(first=1, probability=0), "probability is 0; use more than 0, 1 at most"),
    (lambda: Drop(first=1, probability=1.5), r"probability is 1\.5"),
    (lambda: Drop(first=1, probability=float("nan")), "probability is nan"),
    (lambda: Drop(first=1, value=1 << 32), "value is 4294967296"),
    (lambda: Drop(first=1, value=3, mask=1), "value 0x3 has bits that mask 0x1 has not"),
    (lambda: Drop(first=1, mask=0), "mask is 0; use 1 to"),
    (lambda: Delay(first=1, ns=0), "ns is 0; use 1 to 10000000"),
    (lambda: Delay(first=1, ns=10_000_001), "ns is 10000001"),
    (lambda: Corrupt(first=1), "corrupt needs bits: xor, high or low"),
    (lambda: Corrupt(first=1, xor=1 << 32), "xor is 4294967296"),
    (lambda: Corrupt(first=1, high=6, low=3), "bits 0x2 are in more than one"),
    (lambda: Corrupt(first=1, xor=1, high=1), "bits 0x1 are in more than one"),
    (lambda: DelayIrq(irq=1, ns=0), "ns is 0"),
    (lambda: StormIrq(irq=1, ns=9_999), "ns is 9999; use 10000 to"),
    (lambda: StormIrq(irq=1, ns=10_000, times=-1), "times is -1"),
]


@pytest.mark.parametrize(("make", "why"), WRONG)
def test_what_makes_no_sense_is_refused_by_name(make: Callable[[], AnyFault], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()


SAID = [
    (Drop(first=0x300), "drop port 0x0300"),
    (
        Drop(first=0x3F8, last=0x3FF, direction="out", value=7),
        "drop port 0x03f8-0x03ff out value 0x7",
    ),
    (
        Delay(
            first=0xA0000, space=Space.MEMORY, ns=5, value=0, mask=0x80, skip=2, every=3, times=4
        ),
        "delay 5 ns memory 0x000a0000 value 0x0/0x80 after 2 every 3 4 times",
    ),
    (Duplicate(first=1, probability=0.5, seed=9), "duplicate port 0x0001 p 0.5 seed 9"),
    (
        Corrupt(first=1, xor=1, high=0x80, direction="in"),
        "corrupt xor 0x1 high 0x80 port 0x0001 in",
    ),
    (LoseIrq(irq=5, times=1), "lose IRQ 5 1 times"),
    (DelayIrq(irq=5, ns=7), "delay 7 ns IRQ 5"),
    (StormIrq(irq=5, ns=10_000, times=3), "storm IRQ 5 every 10 us 3 times"),
    (LoseDrq(drq=1), "lose DRQ 1"),
    (LoseTc(drq=2, every=2), "lose TC of DRQ 2 every 2"),
    (HangCard(card="ide"), "hang card ide"),
    (KillCard(card=3), "kill card 3"),
]


@pytest.mark.parametrize(("fault", "words"), SAID)
def test_a_fault_says_what_it_does_and_where(fault: AnyFault, words: str) -> None:
    assert str(fault) == words


@pytest.mark.parametrize("fault", [fault for fault, _ in SAID])
def test_a_fault_is_the_same_after_a_trip_through_json(fault: AnyFault) -> None:
    assert msgspec.json.decode(msgspec.json.encode(fault), type=AnyFault) == fault


def test_in_json_it_is_named_and_nothing_unknown_is_taken() -> None:
    assert msgspec.json.encode(LoseIrq(irq=5)) == b'{"fault":"lose-irq","irq":5}'
    with pytest.raises(msgspec.ValidationError, match="unknown field `prot`"):
        msgspec.json.decode(b'{"fault":"drop","first":1,"prot":2}', type=AnyFault)
    with pytest.raises(msgspec.ValidationError, match="first is 65536"):
        msgspec.json.decode(b'{"fault":"drop","first":65536}', type=AnyFault)


@pytest.mark.parametrize(
    ("fault", "value", "width", "arrives"),
    [
        (Corrupt(first=0, xor=0xFF00), 0x1234, 2, 0xED34),
        (Corrupt(first=0, xor=0x1FF), 0x0F, 1, 0xF0),
        (Corrupt(first=0, high=0x81), 0x02, 1, 0x83),
        (Corrupt(first=0, low=0x02), 0xFF, 1, 0xFD),
        (Corrupt(first=0, high=0x10000, low=1, xor=2), 0x0001, 2, 0x0002),
    ],
)
def test_data_lines_are_stuck_or_inverted(
    fault: Corrupt, value: int, width: int, arrives: int
) -> None:
    assert fault.corrupted(value, width) == arrives
