"""Two kernels take turns; whatever grows is noticed."""

from __future__ import annotations

import pytest
import trio

from hotswap.bus import Backplane
from hotswap.host.prove.alternations import BOUNDS, ENOUGH, Held, drifts, prove
from hotswap.host.prove.campaign import Campaign

SEED = 486


def alternated(count: int) -> Campaign:
    campaign = Campaign("alternations", count, SEED)
    trio.run(prove, campaign)
    return campaign


def test_ten_alternations_lose_nothing_and_leave_nothing() -> None:
    campaign = alternated(10)
    assert campaign.failures == []
    assert campaign.cases == 11
    assert set(campaign.figures["drift"]) == set(BOUNDS)


def test_a_stream_that_stays_held_fails_the_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Backplane, "release_streams", lambda _: None)
    (failure,) = alternated(1).failures
    assert failure.case == "what is held on to"
    assert "streams: uart output is left" in failure.why
    assert failure.repeat == f"hotswap-host prove alternations --count 1 --seed {SEED}"


def held(turn: int, lost: int, host_kib: int = 90_000) -> Held:
    """The two kernels differ in what they need; the guest's programs come and go."""
    version = 1 + turn % 2
    return Held(turn, version, 2000 + 100 * version + turn % 7 - lost, host_kib, 300, 15)


def test_a_frame_lost_in_every_twentieth_switchover_is_too_much() -> None:
    steady = drifts([held(turn, 0) for turn in range(ENOUGH)])
    assert all(abs(steady[name]) < bound / 4 for name, bound in BOUNDS.items())
    leaking = drifts([held(turn, turn // 20) for turn in range(ENOUGH)])
    assert leaking["free_frames"] == pytest.approx(-50, abs=3)


def test_what_is_made_once_is_no_drift() -> None:
    growing_first = [held(turn, 0, min(90_000 + 500 * turn, 150_000)) for turn in range(ENOUGH)]
    assert drifts(growing_first)["host_kib"] == 0
