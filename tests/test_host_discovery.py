"""Cards are known by their entry points; a plugin that misbehaves is reported and harms nobody."""

from __future__ import annotations

import itertools
import os
import shutil
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from hotswap.bus import Card, HotswapError
from hotswap.host.discovery import PluginError, card_type, make_card, offers

Install = Callable[[str, str], None]

HARP = """
from hotswap.bus import Card, PortRange, Settings, State, hookimpl

class HarpSettings(Settings, frozen=True):
    strings: int = 47

class Harp(Card[State]):
    name = "harp"
    state_type = State
    settings_type = HarpSettings

    def power_on(self):
        self.state = State()
        if self.settings.strings < 1:
            raise ValueError("nothing to pluck")

@hookimpl
def hotswap_card(name):
    return Harp if name == "harp" else None
"""


def test_the_built_in_cards_enter_as_any_other() -> None:
    ours = {offer.name: offer.module for offer in offers() if offer.distribution == "hotswap-host"}
    project = tomllib.loads(Path(__file__).parents[1].joinpath("pyproject.toml").read_text())
    assert ours == project["project"]["entry-points"]["hotswap.cards"]


@pytest.mark.parametrize(
    "name", ["cmos", "debugexit", "ferr", "pic", "pit", "port92", "post", "uart"]
)
def test_each_can_be_made_without_settings(name: str) -> None:
    assert make_card(name).name == name


def test_listing_imports_nothing(install: Install) -> None:
    install("harp", HARP)
    listed = {offer.name: offer for offer in offers()}
    assert listed["harp"].module == "harp"
    assert listed["harp"].distribution == "their-harp"
    assert "harp" not in sys.modules
    assert list(listed) == sorted(listed)


def test_cards_installed_and_removed_meanwhile_are_noticed(
    install: Install, tmp_path: Path
) -> None:
    def names() -> set[str]:
        tick = next(ticks)  # of a clock that is fine enough
        os.utime(tmp_path, ns=(tick, tick))
        return {offer.name for offer in offers()} & {"harp", "lute"}

    ticks = itertools.count(1)
    install("harp", HARP)
    assert names() == {"harp"}
    install("lute", HARP)
    assert names() == {"harp", "lute"}
    shutil.rmtree(tmp_path / "harp-1.0.dist-info")
    assert names() == {"lute"}


def test_a_foreign_card_is_made_with_its_settings(install: Install) -> None:
    install("harp", HARP)
    card = make_card("harp", {"strings": 21})
    assert isinstance(card, Card)
    assert card.settings.strings == 21
    assert make_card("harp").settings.strings == 47


def test_a_name_that_two_distributions_offer_is_refused_with_both(
    install: Install, tmp_path: Path
) -> None:
    install("harp", HARP)
    install("lute", HARP)
    (tmp_path / "lute-1.0.dist-info" / "entry_points.txt").write_text(
        "[hotswap.cards]\nharp = lute\n"
    )
    with pytest.raises(PluginError, match="their-harp and their-lute both offer a card harp; un"):
        make_card("harp")


def test_a_plugin_cannot_take_the_name_of_a_built_in_card(install: Install) -> None:
    install("uart", HARP)
    assert type(make_card("uart")).__module__ == "hotswap.cards.uart"
    assert {offer.distribution for offer in offers() if offer.name == "uart"} == {
        "hotswap-host", "their-uart",
    }  # fmt: skip


@pytest.mark.parametrize(("name", "near"), [("uarts", "uart"), ("pitt", "pit"), ("cmso", "cmos")])
def test_an_unknown_name_suggests_the_nearest(name: str, near: str) -> None:
    with pytest.raises(PluginError, match=rf"no card is called '{name}'; did you mean {near}\?"):
        card_type(name)


def test_a_name_like_no_other_is_sent_to_the_list() -> None:
    with pytest.raises(
        PluginError, match="no card is called 'xyzzy'; `hotswap-host card list --available` lists"
    ):
        card_type("xyzzy")


WHOSE = r"card harp \(harp, from their-harp\)"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("1 / 0", f"{WHOSE} does not import: ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", f"{WHOSE} does not import: SystemExit: 3"),
        ("import no_such_module", f"{WHOSE} does not import: ModuleNotFoundError: .*no_such"),
        ("def", f"{WHOSE} does not import: SyntaxError: "),
        ("x = 1", f"{WHOSE} offers no card: .*harp.py has no function hotswap_card with @hookimpl"),
        (HARP.replace("@hookimpl", ""), f"{WHOSE} offers no card: .* with @hookimpl"),
        (HARP.replace('== "harp"', '== "lute"'), f"{WHOSE} offers no card: .* returned None"),
        (HARP.replace("return Harp", "return int"), f"{WHOSE} offers no card: .* <class 'int'>"),
        (HARP.replace("return Harp", "return Harp()"), f"{WHOSE} offers no card: .* <harp.Harp"),
        (HARP.replace('name == "harp"', "1 / 0"), f"{WHOSE} offers no card: ZeroDivisionError"),
        (
            HARP.replace("hotswap_card(name)", "hotswap_card(naem)"),
            f"{WHOSE} offers no card: PluginValidationError",
        ),
    ],
)
def test_a_plugin_that_misbehaves_is_reported_by_name(
    install: Install, source: str, message: str
) -> None:
    install("harp", source)
    with pytest.raises(PluginError, match=message):
        card_type("harp")
    assert issubclass(card_type("uart"), Card)  # the others are not harmed


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"strings": "many", "pedals": 7},
            r'settings do not fit: settings.strings = "many": card harp takes integer; '
            r"settings.pedals: card harp has no such setting; allowed are strings",
        ),
        ({"strings": 0}, r"card harp cannot be made: ValueError: nothing to pluck"),
    ],
)
def test_settings_that_do_not_fit_are_refused(
    install: Install, settings: dict[str, object], message: str
) -> None:
    install("harp", HARP)
    with pytest.raises(HotswapError, match=message):
        make_card("harp", settings)
