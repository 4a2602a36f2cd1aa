"""What every campaign does alike: progress, the summary, Ctrl-C and the status."""

import json
import os
import signal
from collections.abc import Awaitable, Callable

import click
import pytest
import trio
from click.testing import CliRunner, Result

from hotswap.host.exits import Exit
from hotswap.host.prove.campaign import Campaign, carry_out, options
from hotswap.host.prove.command import CAMPAIGNS, prove_command

Work = Callable[[Campaign], Awaitable[None]]


def run(work: Work, *arguments: str) -> Result:
    @click.command()
    @options(5, "Cases.")
    def command(count: int, seed: int | None, in_json: bool) -> int:
        return carry_out("example", count, seed, in_json, work)

    return CliRunner().invoke(command, arguments, standalone_mode=False)


def odd_numbers_fail(at_most: int) -> Work:
    async def work(campaign: Campaign) -> None:
        for number in range(campaign.count):
            await trio.lowlevel.checkpoint()
            seed = campaign.seed_of(number)
            if seed % 2 and number <= at_most:
                campaign.failed(f"case {number}", f"{seed} is odd", detail=seed)
            else:
                campaign.held(f"case {number}")

    return work


def test_it_is_0_only_when_all_held() -> None:
    assert run(odd_numbers_fail(-1)).return_value == Exit.OK
    assert run(odd_numbers_fail(9)).return_value == Exit.FAILED
    result = run(odd_numbers_fail(-1), "--seed", "8")
    assert result.stdout.startswith("example: 5 cases with seed 8, ")
    assert result.stdout.endswith("all held\n")


def test_a_campaign_that_tried_nothing_has_shown_nothing() -> None:
    async def idle(_: Campaign) -> None:
        await trio.lowlevel.checkpoint()

    result = run(idle)
    assert result.return_value == Exit.FAILED
    assert "nothing was tried" in result.stdout


def test_the_summary_names_the_first_failure_its_seed_and_how_to_repeat_it() -> None:
    result = run(odd_numbers_fail(9), "--seed", "8")
    assert "2 failed\nthe first: case 1 (seed 9): 9 is odd\n" in result.stdout
    assert "again: hotswap-host prove example --count 1 --seed 9\n" in result.stdout
    again = run(odd_numbers_fail(9), "--count", "1", "--seed", "9")
    assert "1 failed\nthe first: case 0 (seed 9): 9 is odd\n" in again.stdout


def test_json_has_what_all_campaigns_have() -> None:
    result = run(odd_numbers_fail(1), "--seed", "8", "--json")
    found = json.loads(result.stdout)
    assert list(found)[:5] == ["campaign", "cases", "failed", "seed", "failures"]
    assert (found["campaign"], found["cases"], found["failed"], found["seed"]) == (
        "example", 5, 1, 8,
    )  # fmt: skip
    assert found["failures"] == [
        {
            "case": "case 1",
            "seed": 9,
            "why": "9 is odd",
            "repeat": "hotswap-host prove example --count 1 --seed 9",
            "detail": 9,
        }
    ]


def test_progress_and_failures_go_to_stderr_as_they_come() -> None:
    result = run(odd_numbers_fail(9), "--seed", "8")
    assert "1 of 5, 0 failed: case 0\n" in result.stderr
    assert "2 of 5, 1 failed: FAILED case 1: 9 is odd\n" in result.stderr


@pytest.mark.parametrize("json_form", [False, True], ids=["text", "json"])
def test_ctrl_c_tells_what_was_done_so_far(json_form: bool) -> None:
    cleaned = []

    async def work(campaign: Campaign) -> None:
        campaign.held("one")
        os.kill(os.getpid(), signal.SIGINT)
        try:
            await trio.sleep_forever()
        finally:
            cleaned.append("up")

    result = run(work, *(["--json"] if json_form else []))
    assert result.return_value == Exit.INTERRUPTED
    assert cleaned == ["up"]
    if json_form:
        assert json.loads(result.stdout)["interrupted"] is True
    else:
        assert result.stdout.startswith("example: 1 case of 5 before it was interrupted")


def test_an_error_that_is_no_case_is_an_error() -> None:
    async def work(_: Campaign) -> None:
        raise ZeroDivisionError

    result = run(work)
    assert isinstance(result.exception, ExceptionGroup)


@pytest.mark.parametrize("name", CAMPAIGNS)
def test_every_campaign_of_the_table_has_the_common_options(name: str) -> None:
    command = prove_command.get_command(click.Context(prove_command), name)
    assert command is not None
    assert command.name == name
    assert {"count", "seed", "in_json"} <= {option.name for option in command.params}
