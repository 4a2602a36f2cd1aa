"""Resource data, byte for byte as section 6 of the specification has it."""

from __future__ import annotations

import pytest

from hotswap.bus import (
    Choices,
    DmaChoice,
    IrqChoice,
    LogicalDevice,
    MemoryChoice,
    PlugAndPlay,
    PortChoice,
)
from hotswap.bus.pnp_tags import eisa_id, resource_data, serial_identifier

VERSION = "0a 10 00"
NAME = "82 01 00 58"
DEVICE = "15 41 d0 05 01 02"


def items(device: LogicalDevice) -> str:
    """All but what every card has: up to the logical device and from the END tag on."""
    content = resource_data(PlugAndPlay("TST0001", "X", (device,)))
    assert sum(content) & 0xFF == 0
    assert content[-2] == 0x79
    begin = bytes.fromhex(VERSION + NAME + DEVICE)
    assert content.startswith(begin)
    return content[len(begin) : -2].hex(" ")


@pytest.mark.parametrize(
    ("name", "content"),
    [("PNP0501", "41d00501"), ("RTL8019", "4a8c8019"), ("AAA0000", "04210000")],
)
def test_an_identifier_is_three_letters_and_four_digits(name: str, content: str) -> None:
    """PNP is 41 D0, as in every list of device identifiers."""
    assert eisa_id(name).hex() == content


def test_a_serial_identifier_ends_with_the_checksum_of_an_lfsr() -> None:
    """The checksum was worked out by hand, as appendix B says."""
    bits = [0x41D00501 >> 8 * (3 - n // 8) >> n % 8 & 1 for n in range(32)]
    bits += [1 >> n & 1 for n in range(32)]
    register = [0, 1, 0, 1, 0, 1, 1, 0]  # 6A, bit 0 first
    for bit in bits:
        register = [*register[1:], register[0] ^ register[1] ^ bit]
    checksum = sum(value << n for n, value in enumerate(register))
    identity = PlugAndPlay("PNP0501", "", ())
    assert serial_identifier(identity, 1) == bytes.fromhex("41d0050101000000") + bytes((checksum,))


@pytest.mark.parametrize(
    ("choices", "content"),
    [
        (Choices((PortChoice(0x300, 8),)), "47 01 00 03 00 03 01 08"),
        (Choices((PortChoice(0x240, 32, last=0x380, step=32),)), "47 01 40 02 80 03 20 20"),
        (Choices(irqs=(IrqChoice((3, 9)),)), "22 08 02"),
        (Choices(irqs=(IrqChoice((15,), level=True),)), "23 00 80 04"),
        (Choices(dmas=(DmaChoice((1, 3)),)), "2a 0a 08"),
        (Choices(dmas=(DmaChoice((5,)),)), "2a 20 12"),
        (Choices(dmas=(DmaChoice((3, 5)),)), "2a 28 19"),
        (
            Choices(windows=(MemoryChoice(0xC8000, 0x4000, last=0xDC000, step=0x4000),)),
            "81 09 00 11 80 0c c0 0d 00 40 40 00",
        ),
        (
            Choices(windows=(MemoryChoice(0x100000, 0x10000, last=0x110000, step=0x10000),)),
            "81 09 00 11 00 10 00 11 00 00 00 01",
        ),
    ],
)
def test_a_descriptor_is_as_the_specification_has_it(choices: Choices, content: str) -> None:
    assert items(LogicalDevice("PNP0501", choices)) == content


def test_dependent_functions_are_in_the_order_of_preference() -> None:
    one, *others = (Choices((PortChoice(base, 8),)) for base in (0x100, 0x108, 0x110, 0x118))
    assert items(LogicalDevice("PNP0501", alternatives=(one, *others))) == " ".join(
        (
            "31 00 47 01 00 01 00 01 01 08",
            "31 01 47 01 08 01 08 01 01 08",
            "31 02 47 01 10 01 10 01 01 08",
            "31 02 47 01 18 01 18 01 01 08 38",
        )
    )


def test_compatible_devices_and_a_name_come_before_the_descriptors() -> None:
    device = LogicalDevice("PNP0501", Choices(irqs=(IrqChoice((5,)),)), (), ("PNP0500",), "Y")
    assert items(device) == "1c 41 d0 05 00 82 01 00 59 22 20 00"
