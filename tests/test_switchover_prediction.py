"""The blackout that PLAN predicts: a model, and what earlier switchovers took of it."""

import time
from itertools import pairwise

import pytest

from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.options import Options
from hotswap.switchover.prediction import REMEMBERED, correction, modelled_ms
from hotswap.switchover.protocol import BootMode, Caps
from hotswap.switchover.report import PhaseEvent

IMAGE = 96 << 10
STEPS = [0, 1, 2, 10, 100, 1000, 10_000]
DIFFERS = 6
"""Times that the test's host may be slower or faster than the model's."""


@pytest.mark.parametrize("mode", list(BootMode))
def test_the_model_grows_with_processes_map_and_image(mode: BootMode) -> None:
    by_processes = [modelled_ms(Caps(processes=n), IMAGE, mode) for n in STEPS]
    by_map = [modelled_ms(Caps(map_len=n << 10), IMAGE, mode) for n in STEPS]
    by_image = [modelled_ms(Caps(), n << 10, mode) for n in STEPS]
    for modelled in (by_processes, by_map, by_image):
        assert all(less < more for less, more in pairwise(modelled))


def test_a_guest_that_unpacks_takes_longer_than_one_that_copies_and_that_than_the_card() -> None:
    by_mode = [modelled_ms(Caps(processes=10), IMAGE, BootMode(mode)) for mode in (2, 1, 0)]
    assert by_mode == sorted(by_mode)


async def test_the_plan_of_a_machine_with_more_processes_predicts_a_longer_blackout(
    guest: Guest,
) -> None:
    guest.boot(["registers:1", "busy*20:1"], stay=True)
    processes, predicted = [], []
    for at in (0, 60):
        await guest.pass_time(at * 1_000_000 + 2_000_000)
        report = await Switchover(
            guest.board.machine, refkernel(2), Options(patience=PATIENCE)
        ).plan()
        assert report.plan is not None
        processes.append(report.plan.processes)
        predicted.append(report.predicted_ms)
    assert processes[0] + 10 < processes[1]
    assert predicted[0] < predicted[1]


@pytest.mark.parametrize("mode", list(BootMode))
async def test_the_first_prediction_is_of_the_size_of_what_the_first_blackout_takes(
    guest: Guest, mode: BootMode
) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20_000_000)
    spent: list[float] = []

    def tell(event: PhaseEvent) -> None:
        if (event.phase, event.state) in (("QUIESCE", "begun"), ("COMMIT", "done")):
            spent.append(time.thread_time() * 1000)  # however busy the host is

    options = Options(mode=mode, probation_ms=0, patience=PATIENCE)
    report = await Switchover(guest.board.machine, refkernel(2), options, tell).run()
    took = spent[1] - spent[0]
    assert took / DIFFERS < report.predicted_ms < took * DIFFERS


def test_earlier_switchovers_correct_it_and_one_that_was_odd_does_not() -> None:
    assert correction([]) == 1
    assert correction([2.0, 2.1, 40.0]) == 2.1
    assert correction([9.0] * 50 + [1.0] * REMEMBERED) == 1
