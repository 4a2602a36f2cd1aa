"""Cards are frozen before those they need, and thawed after them."""

from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from hotswap.bus import Backplane, Card, Resources, Slot, State
from hotswap.bus.dependence import waves
from hotswap.cards.pic import Pic


@pytest.mark.parametrize(
    ("needs", "order"),
    [
        ({}, []),
        ({0: (), 1: (), 2: ()}, [[2, 1, 0]]),
        ({0: (), 1: {0}, 2: {1}}, [[2], [1], [0]]),
        ({0: {2}, 1: {2}, 2: ()}, [[1, 0], [2]]),
        ({0: {1}, 1: {0}, 2: ()}, [[2], [1], [0]]),
        ({0: {0}, 1: ()}, [[1, 0]]),
        ({0: {9}}, [[0]]),
    ],
    ids=["none", "strangers", "a chain", "two need one", "a circle", "itself", "one not there"],
)
def test_the_waves(needs: dict[int, set[int]], order: list[list[int]]) -> None:
    assert waves(needs) == order


def named(
    title: str, log: list[str], needs: Sequence[str] = (), irq: int | None = None
) -> Card[State]:
    """A card that logs when its task begins and has ended; ending takes a second."""

    class Named(Card[State]):
        name = title
        state_type = State

        def resources(self) -> Resources:
            return Resources(irqs=() if irq is None else (irq,))

        async def run(self, slot: Slot) -> None:
            log.append(f"{title} runs")
            try:
                await trio.sleep_forever()
            finally:
                async with slot.flush():
                    await trio.sleep(1)
                log.append(f"{title} ended")

    Named.needs = needs
    return Named()


async def test_a_card_ends_before_those_it_needs_and_begins_after_them(
    backplane: Backplane, autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    log: list[str] = []
    thaw = Slot.thaw

    def noted(slot: Slot) -> None:  # tasks that may run have their turns in no fixed order
        log.append(f"{slot.title} may run")
        thaw(slot)

    await backplane.insert(named("disk", log, irq=14))
    await backplane.insert(named("bus", log))
    await backplane.insert(named("drive", log, needs=("bus",)))
    await wait_all_tasks_blocked()
    log.clear()
    assert await backplane.quiesce(each=5, total=20) == []
    assert sorted(log[:2]) == ["disk ended", "drive ended"]
    assert log[2] == "bus ended"
    log.clear()
    monkeypatch.setattr(Slot, "thaw", noted)
    backplane.thaw()
    assert log == ["bus may run", "disk may run", "drive may run"]
    await wait_all_tasks_blocked()
    assert sorted(log[3:]) == ["bus runs", "disk runs", "drive runs"]


async def test_whoever_has_an_irq_line_needs_the_interrupt_controller(backplane: Backplane) -> None:
    log: list[str] = []
    await backplane.insert(named("timer", log, irq=5))
    await backplane.insert(Pic())
    await backplane.insert(named("port", log))
    order = [[slot.title for slot in wave] for wave in backplane.freeze_order]
    assert order == [["port", "timer"], ["pic"]]
    await backplane.remove(1)
    order = [[slot.title for slot in wave] for wave in backplane.freeze_order]
    assert order == [["port", "timer"]]


async def test_one_that_is_late_does_not_keep_the_others_from_their_time(
    backplane: Backplane, autojump_clock: MockClock
) -> None:
    log: list[str] = []

    class Stubborn(Card[State]):
        name = "stubborn"
        state_type = State
        needs = ("bus",)

        async def run(self, slot: Slot) -> None:
            with trio.CancelScope(shield=True):
                await trio.sleep(1000)

    await backplane.insert(named("bus", log))
    stubborn = await backplane.insert(Stubborn())
    await wait_all_tasks_blocked()
    began = trio.current_time()
    assert await backplane.quiesce(each=5, total=20) == ["stubborn"]
    assert trio.current_time() - began == pytest.approx(11)
    assert log == ["bus runs", "bus ended"]
    assert stubborn.needs_reset
