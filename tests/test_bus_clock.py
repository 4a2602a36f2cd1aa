"""Machine time: alarms ring in a fixed order, can be moved, and keep still while muted."""

from __future__ import annotations

import random
import weakref

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Alarm, Backplane, Card, PortRange, State
from hotswap.host.pytest_plugin import VirtualClock


class Bell(Alarm):
    """An alarm that notes its name on a list when it rings."""

    def __init__(self, time: VirtualClock, rung: list[str], name: str, slot: int = 0) -> None:
        super().__init__(time.machine, slot)
        self.name, self.rung = name, rung

    def ring(self) -> None:
        self.rung.append(self.name)
        super().ring()


@pytest.fixture
def time() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def rung() -> list[str]:
    return []


def test_alarms_that_are_due_ring_earliest_first(time: VirtualClock, rung: list[str]) -> None:
    for name, deadline in (("c", 30), ("a", 10), ("b", 20), ("d", 40)):
        Bell(time, rung, name).set(deadline)
    time.now = 30
    assert time.machine.fire()
    assert rung == ["a", "b", "c"]
    assert time.machine.next_deadline() == 40
    assert not time.machine.fire()


def test_equal_deadlines_ring_by_slot_then_in_the_order_they_were_set(
    time: VirtualClock, rung: list[str]
) -> None:
    for name, slot in (("third", 2), ("second", 1), ("fourth", 2), ("first", -1)):
        Bell(time, rung, name, slot).set(10)
    time.now = 10
    time.machine.fire()
    assert rung == ["first", "second", "third", "fourth"]


def test_an_alarm_that_was_moved_rings_once_at_its_new_time(
    time: VirtualClock, rung: list[str]
) -> None:
    bell = Bell(time, rung, "bell")
    for deadline in (10, 50, 20):
        bell.set(deadline)
    assert time.machine.next_deadline() == 20
    time.now = 10
    assert not time.machine.fire()
    time.now = 100
    assert time.machine.fire()
    assert rung == ["bell"]
    assert time.machine.next_deadline() is None


def test_an_alarm_that_was_unset_does_not_ring(time: VirtualClock, rung: list[str]) -> None:
    bell = Bell(time, rung, "bell")
    bell.set(10)
    bell.set(None)
    time.now = 10
    assert time.machine.next_deadline() is None
    assert not time.machine.fire()
    assert rung == []


def test_the_cpu_hears_of_a_deadline_that_became_the_earliest(time: VirtualClock) -> None:
    told: list[int | None] = []
    time.machine.on_deadline_change = lambda: told.append(time.machine.next_deadline())
    alarms = [time.machine.alarm() for _ in range(3)]
    for alarm, deadline in zip(alarms, (20, 30, 10), strict=True):
        alarm.set(deadline)
    assert told == [20, 10]


def test_a_muted_alarm_keeps_its_deadline(time: VirtualClock, rung: list[str]) -> None:
    bell = Bell(time, rung, "bell")
    bell.set(10)
    bell.mute(True)
    time.now = 15
    assert not time.machine.fire()
    assert bell.deadline == 10
    bell.set(12)
    assert time.machine.next_deadline() is None
    bell.mute(False)
    assert time.machine.fire()
    assert rung == ["bell"]


async def test_a_ring_nobody_waited_for_is_not_lost_by_muting(time: VirtualClock) -> None:
    alarm = time.machine.alarm()
    alarm.set(10)
    await time.advance(10)
    alarm.mute(True)
    alarm.mute(False)
    with trio.fail_after(1):
        await alarm.wait()


async def test_a_ring_is_waited_for_once(time: VirtualClock) -> None:
    alarm, waits = time.machine.alarm(), 0

    async def wait() -> None:
        nonlocal waits
        while True:
            await alarm.wait()
            waits += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        for expected in (1, 2):
            alarm.set(time.now + 10)
            await time.advance(10)
            assert waits == expected
        nursery.cancel_scope.cancel()


async def test_an_alarm_moved_after_it_rang_rings_at_its_new_time_only(
    time: VirtualClock,
) -> None:
    alarm, woken = time.machine.alarm(), trio.Event()

    async def wait() -> None:
        await alarm.wait()
        woken.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await wait_all_tasks_blocked()
        alarm.set(10)
        time.now = 10
        time.machine.fire()
        alarm.set(20)  # before the task had its turn
        await wait_all_tasks_blocked()
        assert not woken.is_set()
        await time.advance(10)
        assert woken.is_set()


async def test_sleeping_until_a_time_that_has_passed_returns_at_once(time: VirtualClock) -> None:
    time.now = 5
    with trio.fail_after(1):
        await time.machine.sleep_until(5)
    assert time.machine.next_deadline() is None


async def test_a_sleep_that_is_cancelled_leaves_no_deadline(time: VirtualClock) -> None:
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(time.machine.sleep_until, 10)
            await wait_all_tasks_blocked()
            assert time.machine.next_deadline() == 10
            scope.cancel()
    assert time.machine.next_deadline() is None


def test_alarms_moved_for_ever_cost_no_memory(time: VirtualClock) -> None:
    time.machine.alarm().set(1)
    forgotten = []
    for deadline in range(10_000):
        alarm = time.machine.alarm()
        alarm.set(deadline + 1_000_000)
        alarm.set(None)
        forgotten.append(weakref.ref(alarm))
    assert sum(alarm() is not None for alarm in forgotten) < 100


def test_alarms_moved_very_often_ring_in_order(time: VirtualClock, rung: list[str]) -> None:
    chance = random.Random(1)
    bells = [Bell(time, rung, f"{n:03}") for n in range(200)]
    deadlines: list[int] = []
    for _ in range(20):
        deadlines = chance.sample(range(1000), len(bells))
        for bell, deadline in zip(bells, deadlines, strict=True):
            bell.set(deadline)
    time.now = 1000
    time.machine.fire()
    assert rung == [bell.name for _, bell in sorted(zip(deadlines, bells, strict=True))]


operations = st.lists(
    st.tuples(
        st.sampled_from(["set", "unset", "mute", "unmute", "pass"]),
        st.integers(0, 4),
        st.integers(0, 50),
    ),
    max_size=60,
)


@given(operations)
def test_alarms_ring_as_a_list_of_deadlines_would(steps: list[tuple[str, int, int]]) -> None:
    time, rung = VirtualClock(), list[str]()
    bells = [Bell(time, rung, str(slot), slot) for slot in range(5)]
    deadlines: dict[int, tuple[int, int]] = {}
    muted: set[int] = set()
    for step, (operation, slot, ns) in enumerate(steps):
        bell = bells[slot]
        match operation:
            case "set":
                bell.set(time.now + ns)
                deadlines[slot] = (time.now + ns, step)
            case "unset":
                bell.set(None)
                deadlines.pop(slot, None)
            case "mute":
                bell.mute(True)
                muted.add(slot)
            case "unmute":
                bell.mute(False)
                muted.discard(slot)
            case "pass":
                time.now += ns
                due = [s for s in deadlines if deadlines[s][0] <= time.now and s not in muted]
                due.sort(key=lambda s: (deadlines[s][0], s))
                rung.clear()
                assert time.machine.fire() == bool(due)
                assert rung == [str(s) for s in due]
                for s in due:
                    del deadlines[s]
        live = [deadline for s, (deadline, _) in deadlines.items() if s not in muted]
        assert time.machine.next_deadline() == min(live, default=None)


class TimerState(State):
    deadline: int | None = None
    rings: int = 0


class Timer(Card[TimerState]):
    """Rings as many ns after a write to its port as the value says."""

    name = "timer"
    ports = PortRange(0x300, 1)
    state_type = TimerState

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.alarm.set(self.slot.clock.now() + value)

    async def run(self, slot: object) -> None:
        while True:
            await self.slot.alarm.wait()
            self.state.rings += 1


@pytest.mark.parametrize("ns", range(0, 40, 5))
async def test_a_freeze_at_any_moment_neither_loses_nor_doubles_a_ring(
    backplane: Backplane, virtual_clock: VirtualClock, ns: int
) -> None:
    card = Timer()
    await backplane.insert(card)
    await wait_all_tasks_blocked()
    card.write(0x300, 1, 20)
    virtual_clock.now += ns
    virtual_clock.machine.fire()
    for _ in range(random.Random(ns).randrange(3)):
        await trio.lowlevel.checkpoint()
    await backplane.quiesce(each=1, total=1)
    before = card.state.rings
    await virtual_clock.advance(100)
    assert card.state.rings == before
    backplane.thaw()
    await virtual_clock.advance(100)
    assert card.state.rings == 1
