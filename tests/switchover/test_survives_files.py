"""Files in /tmp, locks, and time limits of poll and select are kept over switchovers."""

import pytest

from hotswap.host.guest import Guest

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


async def test_ppoll_and_pselect6_keep_their_limits_and_masks(survive: Survive) -> None:
    assert (await survive("ppoller:120", kernels=(2, 1, 2)))["ppoller"].startswith("ok")


@pytest.mark.parametrize("kernel", [1, 2])
async def test_wrong_arguments_get_linuxs_error_numbers(guest: Guest, kernel: int) -> None:
    """The same program says so under this machine's Linux, in test_examples_initrd.py."""
    guest.boot(["errors"], version=kernel)
    assert (await guest.reported())["errors"] == "ok 117"


async def test_calls_that_a_signal_ends_or_runs_again_end_as_under_linux(survive: Survive) -> None:
    assert (await survive("interrupted:60", kernels=(2, 1, 2)))["interrupted"].startswith("ok")
