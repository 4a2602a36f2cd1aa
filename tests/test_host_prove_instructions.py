"""Wherever a blackout is stopped, the rollback point is reached again."""

from __future__ import annotations

import pytest
import trio

from hotswap.bus import Backplane
from hotswap.cpu import Processor
from hotswap.host.prove.campaign import Campaign
from hotswap.host.prove.instructions import prove
from hotswap.switchover.rollback import RollbackPoint

SEED = 486
LAST_GOOD = 7
"""Rollbacks that are: of the examinations and control runs before, and some more."""


def tried(count: int) -> tuple[Campaign, list[str]]:
    campaign, told = Campaign("instructions", count, SEED), []
    campaign.tell = lambda case, _: told.append(case)
    trio.run(prove, campaign)
    return campaign, told


def test_forty_stops_from_r0_to_commit_and_on_the_way_back_are_undone_exactly() -> None:
    campaign, told = tried(40)
    assert campaign.failures == []
    assert campaign.cases == 43
    assert sum(case.startswith("after R0") for case in told) == 10
    for where, stops in (("mode 2", 15), ("mode 0", 5), ("mode 1", 5)):
        assert sum(case.startswith(f"after R1, {where}") for case in told) == stops
        assert f"going on, {where}" in told
    assert sum(case.startswith("going back") for case in told) == 5
    assert any(" more" in case for case in told)  # single instructions


@pytest.mark.parametrize("wrong", ["memory", "cards"])
def test_a_way_back_that_is_not_exact_is_found(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    restore = RollbackPoint.restore
    times = 0

    def inexact(point: RollbackPoint, processor: Processor, backplane: Backplane) -> None:
        nonlocal times
        times += 1
        restore(point, processor, backplane)
        if times == LAST_GOOD + 1 and wrong == "memory":
            processor.write_memory(0x150000, b"\x55\xaa")
        elif times == LAST_GOOD + 1:
            backplane.card("pic").state.first.imr ^= 1

    monkeypatch.setattr(RollbackPoint, "restore", inexact)
    failure = tried(40)[0].failures[0]
    assert failure.case.startswith("after R0: block at instruction ")
    assert wrong in failure.why or "pages are still written" in failure.why
    assert failure.repeat.startswith("hotswap-host prove instructions --count ")
