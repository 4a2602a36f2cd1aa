"""The demo says that all is well only when it is; its JSON is what the documents promise."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from click.testing import CliRunner

from hotswap.host.board import Ended
from hotswap.host.demo import PROGRAMS, Serial, demo_command, judge
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import Report

Outcome = Literal["committed", "rolled back", "refused"]
WELL: tuple[Outcome, ...] = ("committed", "committed", "rolled back")
NAMES = [entry.split(":")[0] for entry in PROGRAMS]


def reports(*outcomes: Outcome) -> list[Report]:
    return [Report(n, "1.0.0", "2.0.0", 2, outcome) for n, outcome in enumerate(outcomes)]


def said(*, but: dict[str, str] | None = None) -> Serial:
    """Every program reports that all went well, with exceptions."""
    lines = {name: f"{name} ok 7" for name in NAMES} | (but or {})
    serial = Serial()
    serial.lines = ["refkernel 1.0.0", "tick 1 of 2", *lines.values(), "init ok 13"]
    return serial


def test_all_is_well_when_everything_is() -> None:
    result = judge(reports(*WELL), said(), Ended(0))
    assert result.ok
    assert [program.name for program in result.programs] == sorted(NAMES)
    assert {program.checks for program in result.programs} == {7}


@pytest.mark.parametrize(
    ("outcomes", "serial", "ended"),
    [
        (("committed", "rolled back", "rolled back"), said(), Ended(0)),
        (("committed", "committed", "committed"), said(), Ended(0)),
        (("committed", "committed"), said(), Ended(0)),
        (WELL, said(but={"memory": "memory FAILED page 3"}), Ended(0)),
        (WELL, said(but={"memory": "memory ok 0"}), Ended(0)),
        (WELL, said(but={"memory": ""}), Ended(0)),
        (WELL, said(), Ended(11)),
        (WELL, said(), None),
    ],
    ids=[
        "a switchover was undone", "the broken kernel stayed", "one was not tried",
        "a program failed", "a program checked nothing", "a program is silent",
        "the guest says so", "it did not end",
    ],
)  # fmt: skip
def test_anything_amiss_is_not_well(
    outcomes: tuple[Outcome, ...], serial: Serial, ended: Ended | None
) -> None:
    assert not judge(reports(*outcomes), serial, ended).ok


def test_two_kernels_are_replaced_and_a_third_one_is_undone() -> None:
    done = CliRunner().invoke(demo_command, ["--json"], standalone_mode=False)
    assert done.exception is None
    result = json.loads(done.stdout)
    assert result.keys() == {"ok", "switches", "programs"}
    assert [switch["outcome"] for switch in result["switches"]] == list(WELL)
    for switch in result["switches"]:
        assert switch.keys() >= {
            "from", "to", "outcome", "blackout_ms", "outside_pause_ms", "instructions", "phases"
        }  # fmt: skip
    for switch in result["switches"][:2]:
        assert list(switch["phases"]) == [phase.name for phase in Phase]
        assert all(took["ms"] > 0 for took in switch["phases"].values())
        assert switch["outside_pause_ms"] > switch["blackout_ms"] > 0
        assert switch["instructions"] > 0
    assert [switch["from"][0] for switch in result["switches"]] == ["1", "2", "1"]
    assert "triple fault" in result["switches"][2]["reason"]
    for program in result["programs"]:
        assert program.keys() == {"name", "ok", "checks"}
        assert program["ok"] is True, program
        assert program["checks"] > 0
    assert len(result["programs"]) >= 12
    assert result["ok"] is True
    assert done.return_value == 0
