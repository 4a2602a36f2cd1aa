"""What an operator may ask for, and what of it while a switchover is under way."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

from hotswap.host.control import Reply, Request
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.operator import answer_for
from hotswap.switchover.errors import Refused
from hotswap.switchover.phases import LIMITS, Limit, Phase
from hotswap.switchover.report import PhaseEvent
from hotswap.switchover.savemap import read

MS = 1_000_000
V2 = Path(__file__).parents[1] / "switchover" / "guest" / "refkernel-v2.elf"


def ignore(event: object) -> None:
    """Nobody listens to the events."""


def switchover(save_map: str = "") -> Request:
    return Request("switchover", str(V2), save_map=save_map, patience=PATIENCE)


async def at_work(guest: Guest) -> None:
    guest.boot(["registers:60"])
    await guest.pass_time(20 * MS)


@pytest.mark.parametrize(
    "phase", [Phase.PREPARE, Phase.NEWINIT, Phase.PROBATION], ids=lambda phase: phase.name
)
async def test_a_pause_in_the_middle_is_refused_and_the_switchover_committed(
    guest: Guest, phase: Phase
) -> None:
    await at_work(guest)
    answer, reached = answer_for(guest.board), trio.Event()
    replies: list[Reply] = []

    def tell(event: object) -> None:
        if isinstance(event, PhaseEvent) and event.phase == phase.name:
            reached.set()

    async def switch() -> None:
        replies.append(await answer(switchover(), tell))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(switch)
            await reached.wait()
            with pytest.raises(Refused, match="switchover 1 is under way; pause when it has ended"):
                await answer(Request("pause"), ignore)
            assert not guest.board.paused
    assert replies[0].ok, replies[0].error
    assert replies[0].result["phase"] == "PROBATION"
    assert (await answer(Request("pause"), ignore)).result["state"] == "paused"


async def test_a_paused_machine_is_not_switched_over(guest: Guest) -> None:
    await at_work(guest)
    answer = answer_for(guest.board)
    await answer(Request("pause"), ignore)
    reply = await answer(switchover(), ignore)
    assert reply.error == "the machine is paused; `hotswap-host continue` first"
    await answer(Request("continue"), ignore)
    assert (await answer(switchover(), ignore)).ok


async def test_of_two_switchovers_at_once_the_second_is_refused(guest: Guest) -> None:
    await at_work(guest)
    answer = answer_for(guest.board)
    replies: list[Reply] = []

    async def switch() -> None:
        replies.append(await answer(switchover(), ignore))

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(switch)
            nursery.start_soon(switch)
    second, first = replies
    assert first.ok, first.error
    assert not second.ok
    assert second.error == "switchover 1 is under way; wait until it has ended"
    assert guest.board.machine.switchovers == 1


async def test_a_map_is_kept_where_it_was_asked_for(guest: Guest, tmp_path: Path) -> None:
    await at_work(guest)
    reply = await answer_for(guest.board)(switchover(save_map=str(tmp_path / "map")), ignore)
    assert "map_error" not in reply.result
    assert read((tmp_path / "map").read_bytes()).header.txn == 1


async def test_a_full_disk_costs_the_map_but_not_the_switchover(guest: Guest) -> None:
    await at_work(guest)
    reply = await answer_for(guest.board)(switchover(save_map="/dev/full"), ignore)
    assert reply.ok
    assert reply.result["outcome"] == "committed"
    assert reply.result["map_error"] == (
        "/dev/full: No space left on device, so the map is not kept; make room there"
    )


async def test_the_end_of_a_limit_says_what_helps(
    guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(LIMITS, Phase.NEWINIT, Limit(0.2 / PATIENCE))
    await at_work(guest)
    with ExitStack() as standing:

        def stand_still(event: object) -> None:  # as if the host were busy with something else
            if isinstance(event, PhaseEvent) and event.phase == Phase.NEWINIT.name:
                if event.state == "begun":
                    standing.enter_context(guest.board.processor.standing())
                else:
                    standing.close()

        reply = await answer_for(guest.board)(switchover(), stand_still)
    assert not reply.ok
    assert reply.result["reason"] == (
        "no end within 0.2 s (a host that is slow or busy needs more patience)"
    )
    assert guest.board.info()["kernel"] == "1.0.0-refkernel"


async def test_a_rehearsal_that_would_be_refused_says_so_without_a_fork(guest: Guest) -> None:
    await at_work(guest)
    answer = answer_for(guest.board)
    reply = await answer(Request("switchover", "/no/such/kernel", dry_run=True), ignore)
    assert not reply.ok
    assert reply.result["outcome"] == "would be refused"
    assert "/no/such/kernel" in reply.result["reason"]
    assert reply.todo == reply.result["todo"] == "give a kernel image"


async def test_rehearsals_of_a_paused_machine_are_at_one_instant_only(guest: Guest) -> None:
    await at_work(guest)
    answer = answer_for(guest.board)
    await answer(Request("pause"), ignore)
    reply = await answer(Request("switchover", str(V2), dry_run=True, count=2), ignore)
    assert not reply.ok
    assert reply.result["summary"] == {
        "count": 1, "ok": 0, "first_failure": 1, "blackout_ms": (0.0, 0.0, 0.0), "pause_ms": 0.0,
    }  # fmt: skip
    assert "every instant is the same" in reply.result["reason"]
