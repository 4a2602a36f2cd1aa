"""Real hosts, really killed between R1 and release: 200 of them by `hotswap-host prove kills`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import trio

from hotswap.host.prove.campaign import Campaign
from hotswap.host.prove.kills import Workload, kill_many, wrong

LINES = Counter({b"tick 1 of 3": 1, b"tick 2 of 3": 1, b"tick 3 of 3": 1, b"ticker ok 3": 1})
CASES = 2


async def test_a_host_killed_after_r1_is_resumed_and_no_line_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    campaign = Campaign("kills", CASES, seed=7)
    with trio.fail_after(300):
        await kill_many(campaign, tmp_path, jobs=2)
    assert campaign.failures == []
    assert campaign.cases == CASES


@pytest.mark.parametrize(
    ("output", "why"),
    [
        (b"tick 1 of 3\ntick 2 of 3\ntick 3 of 3\nticker ok 3", ""),
        (b"tick 1 of 3\ntick 3 of 3\nticker ok 3", "lost: 'tick 2 of 3'"),
        (b"tick 1 of 3\ntick 2 of 3\ntick 2 of 3\ntick 3 of 3\nticker ok 3",
         "too much: 'tick 2 of 3'"),
        (b"tick 2 of 3\ntick 1 of 3\ntick 3 of 3\nticker ok 3", "ticks are out of order"),
        (b"tick 1 of 3\ntick 2 of 3\ntick 3 of 3\nticker FAILED", "lost: 'ticker ok 3'"),
    ],
)  # fmt: skip
def test_whatever_is_wrong_with_the_output_is_seen(output: bytes, why: str) -> None:
    nothing = Path()
    assert wrong(Workload(nothing, nothing, nothing, LINES), output) == why
