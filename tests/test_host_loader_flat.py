"""Flat binaries: where they may be, and how a processor gets there."""

from __future__ import annotations

import pytest

from hotswap.host.loader import BOOT_STACK, Loaded, LoadError
from hotswap.host.loader_flat import Mode, flat_mode, jump_rom, load_flat
from hotswap.host.rom import PoweredOn
from hotswap.switchover.memory import MIB

RAM = 2 * MIB


@pytest.mark.parametrize(
    ("address", "asked", "mode"),
    [
        (0x7C00, None, "real"),
        (MIB, None, "protected"),
        (0x7C00, "protected", "protected"),
        (MIB, "real", "real"),
    ],
)
def test_the_mode_is_what_the_address_asks_for(
    address: int, asked: Mode | None, mode: Mode
) -> None:
    assert flat_mode(address, asked) == mode


def test_in_real_mode_the_machine_is_powered_on_with_the_binary_in_ram() -> None:
    assert load_flat(b"abc", "x", 0x7C00, "real", RAM) == PoweredOn(((0x7C00, b"abc"),))


def test_in_protected_mode_it_is_entered() -> None:
    loaded = load_flat(b"abc", "x", MIB, "protected", RAM)
    assert loaded == Loaded(((MIB, b"abc"),), MIB, BOOT_STACK, {})


@pytest.mark.parametrize(
    ("size", "address", "mode"),
    [
        (1, 0xA0000, "real"),
        (1, 0xFFFFF, "protected"),
        (17, 0xA0000 - 16, "real"),
        (17, RAM - 16, "protected"),
        (0, 0x7C00, "real"),
        (1, MIB, "real"),
    ],
)
def test_a_binary_that_does_not_fit_is_refused_by_name(size: int, address: int, mode: Mode) -> None:
    with pytest.raises(LoadError, match=r"^x: "):
        load_flat(bytes(size), "x", address, mode, RAM)


@pytest.mark.parametrize("address", [0xA0000 - 16, 0x500])
def test_a_binary_may_end_where_memory_ends(address: int) -> None:
    load_flat(bytes(16), "x", address, "real", RAM)


@pytest.mark.parametrize(
    ("address", "offset", "segment"),
    [(0x7C00, 0x7C00, 0), (0xFFFF, 0xFFFF, 0), (0x10000, 0, 0x1000), (0x9FC0F, 0xF, 0x9FC0)],
)
def test_the_reset_vector_jumps_to_the_binary(address: int, offset: int, segment: int) -> None:
    rom = jump_rom(address)
    assert len(rom) == 4096
    at = len(rom) - 16
    assert rom[at : at + 5] == b"\xea" + offset.to_bytes(2, "little") + segment.to_bytes(
        2, "little"
    )
