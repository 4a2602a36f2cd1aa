"""The cards of a machine file: places, settings, conflicts."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotswap.bus import PortRange, Resources
from hotswap.host.board import BoardConfig, PlugIn
from hotswap.host.machine_fault import Fault
from hotswap.host.machine_file import check
from hotswap.host.pc import Found, plug_ins, wanted_cards


def plugged(text: str, *, pc: bool = False) -> tuple[list[PlugIn], list[str]]:
    checked = check(tomllib.loads(text), Path())
    assert not checked.faults
    faults: list[Fault] = []
    config = BoardConfig(switchover=False)
    cards = plug_ins(wanted_cards(checked.machine, config, None, pc, Found()), faults)
    return cards, [str(fault) for fault in faults]


def cards_of(text: str, *, pc: bool = False) -> list[PlugIn]:
    cards, faults = plugged(text, pc=pc)
    assert faults == []
    return cards


def settings_of(text: str, name: str) -> list[dict[str, Any]]:
    return [plug.settings for plug in cards_of(text) if plug.card == name]


def places(settings: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(each["base"], each["irq"]) for each in settings]


def test_ports_of_a_kind_have_different_places() -> None:
    text = '[[serial]]\nto = "none"\n' * 4 + "[[network]]\n" * 2
    assert places(settings_of(text, "uart")) == [(0x3F8, 4), (0x2F8, 3), (0x3E8, 5), (0x2E8, 11)]
    assert places(settings_of(text, "ne2000")) == [(0x300, 9), (0x320, 10)]
    assert places(settings_of("[[parallel]]\n" * 2, "lpt")) == [(0x378, 7), (0x278, 5)]


def test_a_place_can_be_chosen() -> None:
    text = "[[serial]]\nbase = 0x3E8\nirq = 10\n[[parallel]]\nbase = 0x3BC\n[[network]]\nirq = 3\n"
    assert places(settings_of(text, "uart")) == [(0x3E8, 10)]
    assert places(settings_of(text, "lpt")) == [(0x3BC, 7)]
    assert places(settings_of(text, "ne2000")) == [(0x300, 3)]


def test_a_plug_and_play_card_has_no_place_until_the_guest_chooses_one() -> None:
    text = (
        "[[serial]]\n[[serial]]\npnp = true\n[[network]]\npnp = true\n[[network]]\nbase = 0x280\n"
    )
    assert settings_of(text, "uart")[1] == {"pnp": True}
    mac = "52:54:00:12:34:56"
    assert settings_of(text, "ne2000")[0] == {"pnp": True, "mac": mac}


def test_network_cards_have_different_addresses() -> None:
    text = '[[network]]\n[[network]]\n[[network]]\nmac = "00:00:00:00:00:02"'
    assert [each["mac"] for each in settings_of(text, "ne2000")] == [
        "52:54:00:12:34:56",
        "52:54:00:12:34:57",
        "00:00:00:00:00:02",
    ]


def test_a_card_of_a_name_that_is_there_gets_the_settings() -> None:
    (exit_card,) = settings_of(
        '[[card]]\nname = "debugexit"\nsettings = {base = 0x501}', "debugexit"
    )
    assert exit_card == {"base": 0x501}


def test_a_further_uart_is_a_further_one() -> None:
    text = '[[card]]\nname = "uart"\nsettings = {base = 0x2F8, irq = 3}'
    assert len(settings_of(text, "uart")) == 2


def test_a_frame_buffer_comes_instead_of_the_vga() -> None:
    names = [plug.card for plug in cards_of('[[card]]\nname = "framebuffer"', pc=True)]
    assert "framebuffer" in names
    assert "vga" not in names
    assert "vga" in [plug.card for plug in cards_of("", pc=True)]


def test_a_slot_can_be_chosen_and_others_go_where_there_is_room() -> None:
    cards = cards_of('[[card]]\nname = "lpt"\nslot = 1')
    assert {plug.slot: plug.card for plug in cards}[1] == "lpt"
    assert len({plug.slot for plug in cards}) == len(cards)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '[[card]]\nname = "uart"',
            [
                "card[0]: uart (card[0]) needs ports 0x3f8-0x3ff, taken by uart (serial[0]); "
                "move one",
                "card[0]: uart (card[0]) needs IRQ 4, taken by uart (serial[0]); move one",
            ],
        ),
        (
            "[[network]]\nirq = 4",
            ["network[0]: ne2000 (network[0]) needs IRQ 4, taken by uart (serial[0]); move one"],
        ),
        (
            '[[card]]\nname = "debugexit"\nsettings = {base = 0x80}',
            ["card[0]: debugexit (card[0]) needs port 0x080, taken by post; move one"],
        ),
        (
            '[[card]]\nname = "lpt"\nslot = 9\n[[card]]\nname = "ferr"\nslot = 9',
            ["card[1].slot = 9: lpt (card[0]) is in this slot"],
        ),
        (
            '[[card]]\nname = "vga"\n[[card]]\nname = "framebuffer"\nslot = 3',
            [],
        ),
    ],
)
def test_two_cards_in_one_place_are_both_named(text: str, words: list[str]) -> None:
    assert plugged(text)[1] == words


ZITHER = """
from hotswap.bus import Card, PortRange, Resources, Settings, State, hookimpl

class ZitherSettings(Settings, frozen=True):
    base: int | None = None
    lines: bool = False

class Zither(Card[State]):
    name, state_type, settings_type = "zither", State, ZitherSettings

    def alternatives(self):
        bases = (0x280, 0x80, 0x290) if self.settings.base is None else (self.settings.base,)
        irqs = (9, 10) if self.settings.lines else ()
        return [
            Resources(ports=(PortRange(base, 2),), irqs=(irq,) if irq else ())
            for base in bases for irq in irqs or (0,)
        ]

@hookimpl
def hotswap_card(name):
    return Zither
"""


def zithers(*settings: str) -> str:
    return "".join(f'[[card]]\nname = "zither"\nsettings = {{ {each} }}\n' for each in settings)


def test_a_card_with_a_choice_leaves_others_where_they_have_to_be(
    install: Callable[[str, str], None],
) -> None:
    install("zither", ZITHER)
    first, fixed = [plug for plug in cards_of(zithers("", "base = 0x280")) if plug.card == "zither"]
    assert first.resources == Resources(ports=(PortRange(0x290, 2),))
    assert fixed.resources is None


def test_the_smaller_choice_comes_first(install: Callable[[str, str], None]) -> None:
    install("zither", ZITHER)
    first, second = [
        plug.resources
        for plug in cards_of(zithers("lines = true", "lines = true, base = 0x280"))
        if plug.card == "zither"
    ]
    assert second == Resources(ports=(PortRange(0x280, 2),), irqs=(9,))
    assert first == Resources(ports=(PortRange(0x290, 2),), irqs=(10,))


def test_when_nothing_is_left_to_choose_each_place_is_named_with_who_has_it(
    install: Callable[[str, str], None],
) -> None:
    install("zither", ZITHER)
    assert plugged(zithers("base = 0x280", "", ""))[1] == [
        "card[2]: zither (card[2]): none of its 3 alternatives is free: "
        "ports 0x0280-0x0281 (ports 0x280-0x281, taken by zither (card[0])); "
        "ports 0x0080-0x0081 (port 0x080, taken by post); "
        "ports 0x0290-0x0291 (ports 0x290-0x291, taken by zither (card[1])); move one"
    ]


def test_an_unknown_card_is_named_with_the_nearest_one() -> None:
    (found,) = plugged('[[card]]\nname = "ne200"')[1]
    assert found.startswith('card[0].name = "ne200": no card is called so; allowed are ')
    assert found.endswith("; did you mean ne2000?")


def test_settings_that_do_not_fit_are_named_where_they_stand() -> None:
    text = '[[network]]\nirq = 8\nmac = "x"\n[[card]]\nname = "lpt"\nsettings = {bse = 1, irq = ""}'
    assert [line.partition(":")[0] for line in plugged(text)[1]] == [
        "network[0].irq = 8",
        'network[0].mac = "x"',
        "card[0].settings.bse",
        'card[0].settings.irq = ""',
    ]


def test_a_card_that_refuses_its_settings_itself_is_named() -> None:
    (found,) = plugged('[[card]]\nname = "uart"\nsettings = {base = 0xFFFF, irq = 3}')[1]
    assert found.startswith("card[0].settings: ")
