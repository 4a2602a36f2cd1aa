"""Cards come and go under a running guest, and nothing is left; what is left is found."""

from __future__ import annotations

from typing import Any

import pytest
import trio

from hotswap.bus import Slot
from hotswap.bus.line import Wire
from hotswap.host.prove.campaign import Campaign
from hotswap.host.prove.card_subjects import Tally
from hotswap.host.prove.cards import prove
from hotswap.host.prove.growth import Growth

SEED = 5


def proved(count: int, *kinds: str, seed: int = SEED) -> Campaign:
    campaign = Campaign("cards", count, seed)
    trio.run(prove, campaign, kinds)
    return campaign


def test_200_cards_come_and_go_and_nothing_is_left() -> None:
    campaign = proved(200, "python", "elf")
    assert campaign.failures == []
    assert campaign.figures["slope_bytes"] < 250  # most of it the interpreter's, which ends
    assert sum(campaign.figures["rounds"].values()) == 200


def test_cards_in_processes_leave_no_process() -> None:
    assert proved(4, "process").failures == []


def whys(campaign: Campaign) -> str:
    return "; ".join(failure.why for failure in campaign.failures)


def test_memory_that_is_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = []

    def close(self: Tally) -> None:
        kept.append(bytes(3000))

    monkeypatch.setattr(Tally, "close", close)
    assert "bytes a round, allowed are" in whys(proved(30, "python"))


def test_a_task_that_stays_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = Slot.disconnect

    def disconnect(self: Slot) -> None:
        connect(self)
        self.backplane._nursery.start_soon(trio.sleep_forever, name="left over")

    monkeypatch.setattr(Slot, "disconnect", disconnect)
    assert "tasks: left over is left" in whys(proved(3, "python"))


def test_a_line_that_stays_high_and_a_port_that_answers_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def release(self: Any, wire: Wire) -> None:
        del self._wires[wire.line]

    with monkeypatch.context() as patch:
        patch.setattr("hotswap.bus.line.Lines.release", release)
        assert "is high" in whys(proved(2, "python"))
    with monkeypatch.context() as patch:
        patch.setattr("hotswap.bus.ports.IoSpace.release", lambda self, holder: None)
        patch.setattr("hotswap.host.prove.cards.WARM_UP", 0)
        assert "port 0x300 answers" in whys(proved(1, "python", seed=1))  # which is pulled


def test_an_engine_that_is_kept_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotswap.cards.elf.card.ElfCard.close", lambda self: None)
    assert "engines taken is" in whys(proved(3, "elf"))


def test_the_slope_is_that_of_the_later_samples() -> None:
    with Growth() as growth:
        for number in range(10):
            growth.sample(number)
    growth._samples = [one._replace(python=100 + 7 * one.rounds) for one in growth._samples]
    growth._samples[0] = growth._samples[0]._replace(python=0)
    assert growth.python == 7
