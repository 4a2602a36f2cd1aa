"""Every fault ends as the table says; and what would be a defect is found."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
import trio
from click.testing import CliRunner

from hotswap.host.__main__ import main_group
from hotswap.host.prove.campaign import Campaign
from hotswap.host.prove.fault_table import ROWS, Row
from hotswap.host.prove.faults import CASES, Case, prove
from hotswap.host.prove.jumping_clock import JumpingClock
from hotswap.switchover.phases import Phase

SEED = 486
PARTS = 4


def tried(cases: list[Case], seed: int = SEED) -> Campaign:
    """The campaign with each of `cases` once."""
    campaign, clock = Campaign("faults", len(cases), seed), JumpingClock()
    trio.run(prove, campaign, cases, clock, clock=clock)
    return campaign


def one(name: str, phase: Phase) -> list[Case]:
    return [case for case in CASES if (case.row.name, case.phase) == (name, phase)]


@pytest.mark.parametrize("part", range(PARTS))
def test_each_fault_ends_as_the_table_says_and_leaves_nothing(part: int) -> None:
    """Each in one phase, which chance chooses; `hotswap-host prove faults` has them all."""
    chance = random.Random(SEED)
    cases = [Case(row, chance.choice(list(row.expected))) for row in ROWS]
    campaign = tried(cases[part::PARTS])
    assert campaign.cases == len(cases[part::PARTS])
    assert campaign.failures == []


@pytest.mark.parametrize("phase", [Phase.PLAN, Phase.SAVE], ids=lambda phase: phase.name)
def test_a_card_that_fails_while_the_kernel_is_asked_or_after_the_way_back_is_the_cards_own_fault(
    phase: Phase,
) -> None:
    assert tried(one("card's task raises by itself", phase)).failures == []


def test_every_phase_has_faults_and_every_fault_a_phase() -> None:
    assert {case.phase for case in CASES} == set(Phase)
    assert all(row.expected for row in ROWS)
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("broken", "by", "name", "phase", "why"),
    [
        (
            "hotswap.switchover.stray.stray_writes",
            lambda *_: [],
            "stray write into a kept frame",
            Phase.NEWINIT,
            "committed instead of rolled back in COMMIT",
        ),
        (
            "hotswap.bus.Backplane.rewind_streams",
            lambda _: None,
            "host stands still in the middle",
            Phase.PROBATION,
            "output: ",
        ),
        (
            "hotswap.bus.Backplane.release_streams",
            lambda _: None,
            "ACK ERROR",
            Phase.SAVE,
            "streams: uart output is left",
        ),
        (
            "hotswap.bus.Backplane.restore",
            lambda *_: None,
            "card raises",
            Phase.NEWINIT,
            "cards at fault is ['cmos'], was []",
        ),
        (
            "hotswap.cards.switchover.SwitchoverCard._forget_signals",
            lambda _: None,
            "coordinator is cancelled",
            Phase.STAGE,
            "signals nobody heard is 1, was 0",
        ),
    ],
    ids=["audit", "rewind", "release", "cards", "mailbox"],
)
def test_a_rollback_that_does_not_work_is_found(
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
    by: Callable[..., object],
    name: str,
    phase: Phase,
    why: str,
) -> None:
    monkeypatch.setattr(broken, by)
    (failure,) = tried(one(name, phase)).failures
    assert failure.case == f"{name} in {phase.name}"
    assert why in failure.why
    assert failure.repeat == (
        f"hotswap-host prove faults --case '{name} in {phase.name}' --count 1 --seed {SEED}"
    )


def test_a_fault_that_never_comes_is_a_failure() -> None:
    row = Row("nothing", lambda scene: None, {Phase.ECHO: ROWS[0].expected[Phase.ECHO]})
    (failure,) = tried([Case(row, Phase.ECHO)]).failures
    assert failure.why == "committed instead of rolled back in ECHO"


def test_the_command_tries_one_case() -> None:
    arguments = ["prove", "faults", "--case", "double ACK in COMMIT", "--seed", "3"]
    result = CliRunner().invoke(main_group, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output
    assert result.stdout.startswith("faults: 1 case with seed 3, ")


def test_a_case_there_is_none_of_is_an_error() -> None:
    arguments = ["prove", "faults", "--case", "earthquake"]
    result = CliRunner().invoke(main_group, arguments, standalone_mode=False)
    assert "no case has 'earthquake' in its name" in str(result.exception)
