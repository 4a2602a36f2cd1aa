"""Settings that are changed while a card is plugged in: all of them, or none."""

from __future__ import annotations

from typing import Any

import pytest

from hotswap.bus import Backplane, BusError, Card, CardError, Settings, State


class LampSettings(Settings, frozen=True):
    base: int = 0x300
    colour: str = "red"
    brightness: int = 1


class Lamp(Card[State]):
    name = "lamp"
    state_type = State
    settings_type = LampSettings
    settable = frozenset({"colour", "brightness"})
    settings: LampSettings
    shown = ""

    def change(self, settings: Any) -> None:
        if settings.colour == "black":
            raise ValueError("it cannot shine black")
        self.shown = settings.colour * settings.brightness


class Dull(Card[State]):
    name = "dull"
    state_type = State
    settings_type = LampSettings


async def test_the_card_hears_of_settings_that_differ(backplane: Backplane) -> None:
    card = Lamp()
    await backplane.insert(card)
    backplane.change(0, LampSettings(colour="blue", brightness=2))
    assert card.shown == "blueblue"
    assert card.settings == LampSettings(colour="blue", brightness=2)


async def test_it_hears_nothing_when_nothing_differs(backplane: Backplane) -> None:
    card = Lamp()
    await backplane.insert(card)
    backplane.change(0, LampSettings())
    assert card.shown == ""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (LampSettings(0x310, "blue"), "base cannot be changed .*brightness, colour can; remove it"),
        (LampSettings(colour="black"), "it cannot shine black; its settings are as before"),
    ],
)
async def test_what_is_refused_changes_nothing(
    backplane: Backplane, settings: LampSettings, message: str
) -> None:
    card = Lamp()
    await backplane.insert(card)
    with pytest.raises(BusError, match=f"card lamp: {message}"):
        backplane.change(0, settings)
    assert (card.shown, card.settings) == ("", LampSettings())


async def test_a_card_without_settable_settings_says_so(backplane: Backplane) -> None:
    await backplane.insert(Dull())
    with pytest.raises(BusError, match=r"colour cannot be changed .*, no setting can"):
        backplane.change(0, LampSettings(colour="blue"))


async def test_a_card_that_raises_is_off_the_bus_with_its_settings_as_before(
    backplane: Backplane,
) -> None:
    class Broken(Lamp):
        def change(self, settings: Any) -> None:
            self.settings = settings
            raise SystemExit("smoke")

    slot = await backplane.insert(Broken())
    with backplane.listening(lambda event: None), pytest.raises(CardError, match="SystemExit"):
        backplane.change(0, LampSettings(colour="blue"))
    assert slot.card.settings == LampSettings()
    assert slot.fault is not None
    with pytest.raises(BusError, match="card lamp has a fault: SystemExit: smoke; remove it"):
        backplane.change(0, LampSettings(colour="blue"))


async def test_nothing_changes_while_a_transaction_is_under_way(backplane: Backplane) -> None:
    await backplane.insert(Lamp())
    with backplane.locked("a switchover"), pytest.raises(BusError, match="cannot change card lamp"):
        backplane.change(0, LampSettings(colour="blue"))
