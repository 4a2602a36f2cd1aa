"""Restored in a new process at random instants, a machine ends as the one nobody disturbed."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner

from hotswap.host.__main__ import main_group
from hotswap.host.prove import refkernel_programs
from hotswap.host.prove_snapshots import Moment, prove
from hotswap.host.rerun import RerunError


async def test_the_reference_kernel_restored_anywhere_ends_the_same(tmp_path: Path) -> None:
    told: list[Moment] = []
    workload = refkernel_programs("pipes:4", "registers:2", "sorter:2")
    proof = await prove(workload, 4, 20260101, tmp_path, tell=told.append)
    assert proof.holds, proof
    assert len({moment.instructions for moment in proof.moments}) == 4
    assert sorted(told, key=lambda moment: moment.time_ns) == proof.moments
    assert not list(await trio.Path(tmp_path).iterdir())


async def test_a_run_that_does_not_reach_its_marker_is_an_error(tmp_path: Path) -> None:
    workload = refkernel_programs("pipes:1")
    never = msgspec.structs.replace(workload, marker=b"no such text")
    with pytest.raises(ExceptionGroup) as raised:
        await prove(never, 1, 1, tmp_path)
    assert raised.group_contains(RerunError, match="ended before it was done")


def test_the_command_reports_in_json(tmp_path: Path) -> None:
    arguments = [
        "prove",
        "snapshots",
        "--reference-kernel",
        "--count",
        "1",
        "--json",
        "--seed",
        "7",
    ]
    result = CliRunner().invoke(main_group, arguments, standalone_mode=False)
    assert result.return_value == 0, result.output
    proof = json.loads(result.stdout)
    assert proof["holds"]
    assert proof["undisturbed"]
    assert (proof["seed"], len(proof["moments"])) == (7, 1)
    assert proof["moments"][0]["different"] == []
