"""Files in /tmp, locks, and time limits of poll and select are kept over switchovers."""

from .conftest import Survive


async def test_files_of_tmp_keep_content_names_times_and_who_has_them_open(
    survive: Survive,
) -> None:
    assert (await survive("scratch:300", kernels=(2, 1, 2)))["scratch"].startswith("ok")


async def test_locks_are_held_and_waited_for(survive: Survive) -> None:
    assert (await survive("locker:250", kernels=(2, 1)))["locker"].startswith("ok")


async def test_poll_and_select_end_when_their_time_is_over_or_something_happens(
    survive: Survive,
) -> None:
    assert (await survive("poller:100", kernels=(2, 1, 2)))["poller"].startswith("ok")


async def test_calls_that_a_signal_ends_or_runs_again_end_as_under_linux(survive: Survive) -> None:
    assert (await survive("interrupted:60", kernels=(2, 1, 2)))["interrupted"].startswith("ok")
