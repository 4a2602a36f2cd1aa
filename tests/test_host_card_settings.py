"""A card's settings: everything that does not fit is found, and named."""

from __future__ import annotations

from typing import Any

import pytest

from hotswap.bus import Card
from hotswap.cards.cmos import Cmos
from hotswap.cards.ide import Ide
from hotswap.cards.ne2000 import Ne2000
from hotswap.host.card_settings import settings_faults
from hotswap.host.discovery import make_card
from hotswap.host.machine_fault import Fault


def faults(card: type[Card[Any]], settings: dict[str, Any], path: str) -> list[Fault]:
    return settings_faults(card.name, card.settings_type, settings, path)


def complaints(settings: dict[str, Any]) -> list[str]:
    return [str(fault) for fault in faults(Ne2000, settings, "card[0].settings")]


def test_what_fits_is_no_fault() -> None:
    settings = {"base": 0x320, "irq": 5, "mac": "52:54:00:00:00:01", "wait_for_room": False}
    assert complaints(settings) == []
    make_card("ne2000", settings)


def test_all_that_is_wrong_is_found_at_once() -> None:
    assert complaints({"irqq": 5, "irq": 8, "base": "x", "wait_for_room": 1}) == [
        "card[0].settings.irqq: card ne2000 has no such setting; allowed are base, irq, mac, "
        "wait_for_room, pnp; did you mean irq?",
        "card[0].settings.irq = 8: card ne2000 does not take this; allowed are 3, 4, 5, 9, 10, 11, "
        "12, 15",
        'card[0].settings.base = "x": card ne2000 takes integer from 512 to 992 in steps of 32',
        "card[0].settings.wait_for_room = 1: card ne2000 takes boolean",
    ]


@pytest.mark.parametrize("base", [0x1E0, 0x400, 0x310])
def test_a_number_out_of_its_range_is_found(base: int) -> None:
    (found,) = complaints({"base": base})
    assert found == (
        f"card[0].settings.base = {base}: card ne2000 takes integer from 512 to 992 in steps of 32"
    )


def test_what_is_wrong_deep_in_a_setting_is_found_there() -> None:
    disks = [None, {"cylinders": 100, "heads": 16, "sectors": 99}]
    (found,) = faults(Cmos, {"disks": disks}, "cmos")
    assert str(found) == "cmos.disks[1].sectors: card cmos: expected `int` <= 63"


def test_of_lists_it_is_said_how_long_they_are() -> None:
    (found,) = faults(Cmos, {"boot": "disk"}, "cmos")
    assert found.what == (
        'card cmos takes list of 0 to 3 "cdrom" or "disk" or "floppy" or "network" or "none"'
    )


def test_a_list_of_the_wrong_length_is_found() -> None:
    (found,) = faults(Ide, {"geometry0": [1, 2]}, "disk[0]")
    assert found.path == "disk[0].geometry0"
