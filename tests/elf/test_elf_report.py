"""A card in machine code that goes wrong is off the bus; the report names the place."""

from pathlib import Path

import pytest

from hotswap.bus import Backplane, CardError, Cycle, Space
from hotswap.bus.errors import CodeError
from hotswap.host.pytest_plugin import Ports

from .conftest import CARDS, Make


def line_of(card: str, text: str) -> int:
    lines = (CARDS / f"{card}.c").read_text().splitlines()
    return next(number for number, line in enumerate(lines, 1) if text in line)


@pytest.mark.parametrize(
    ("order", "what", "function", "text"),
    [
        ("p", "0xdead0000", "store", "the wild pointer"),
        ("t", "read-only", "store", "the wild pointer"),
        ("l", "budget spent", "write", "for (;;)"),
        ("o", "bad opcode", "write", "ud2"),
        ("d", "divide error", "write", "answered /= zero"),
        ("s", "stack overflow", "deeper", "deeper(local, count + 1)"),
        ("h", "hotswap_irq: line 9, and it has 1", "write", "hotswap_irq(9, 1)"),
        ("f", "hotswap_fail: the paper is out", "write", "hotswap_fail"),
        ("j", "0x1234", "0x1234", ""),
    ],
)
async def test_a_fault_names_function_file_and_line(
    backplane: Backplane, ports: Ports, make: Make, order: str, what: str, function: str, text: str
) -> None:
    slot = await backplane.insert(make("faults"))
    try:
        ports.write(0x300, ord(order))
    except CodeError as error:
        backplane.cycle_failed(Cycle(Space.PORT, True, 0x300, 1, ord(order)), error)
    fault = slot.fault
    assert fault is not None
    assert what in fault.what
    place = ("faults.c", line_of("faults", text)) if text else ("", 0)
    assert (fault.function, Path(fault.file).name, fault.line) == (function, *place)
    assert fault.during == f"OUT 0x300 width 1 value {ord(order):#x}"
    assert ports.read(0x300) == 0xFF  # it floats
    assert not backplane.irq.levels[5]
    assert f"{function} (faults.c:{fault.line})" in fault.what or not text


async def test_callers_are_named_where_they_keep_their_frames(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    await backplane.insert(make("faults"))
    with pytest.raises(CodeError) as caught:
        ports.write(0x300, ord("s"))
    line = line_of("faults", "deeper(local, count + 1)")
    assert caught.value.callers[0].startswith("deeper+")
    assert caught.value.callers[0].endswith(f"(faults.c:{line})")


async def test_without_debug_information_it_is_function_and_offset(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    await backplane.insert(make("faults_bare"))
    with pytest.raises(CodeError) as caught:
        ports.write(0x300, ord("d"))
    assert caught.value.function.startswith("write+0x")
    assert (caught.value.file, caught.value.line) == ("", 0)


async def test_a_card_may_be_inserted_again_after_its_fault(
    backplane: Backplane, ports: Ports, make: Make
) -> None:
    card = make("faults")
    slot = await backplane.insert(card)
    saved = card.save()
    with pytest.raises(CodeError):
        ports.write(0x300, ord("p"))
    card.load(saved)
    ports.write(0x300, 0)
    assert card.save() != saved
    assert slot.fault is None


async def test_a_card_that_fails_when_it_is_plugged_in_is_refused_and_leases_nothing(
    backplane: Backplane, make: Make
) -> None:
    with pytest.raises(CardError, match=r"plugged\(\)"):
        await backplane.insert(make("stubborn"))
    assert not backplane.slots
