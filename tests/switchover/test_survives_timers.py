"""Timers: interval timers and timerfds expire when they would have, across different HZ."""

from .conftest import Survive


async def test_interval_timers_and_timerfds_keep_their_period(survive: Survive) -> None:
    assert (await survive("timer:40", kernels=(2, 1, 2)))["timer"].startswith("ok")
