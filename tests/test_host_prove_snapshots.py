"""Restored in a new process at random instants, a machine ends as the one nobody disturbed."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest
import trio
from click.testing import CliRunner

from hotswap.host.__main__ import main_group
from hotswap.host.prove import restores
from hotswap.host.prove.restores import Moment, prove
from hotswap.host.prove.workloads import refkernel_programs
from hotswap.host.rerun import RerunError
from hotswap.host.snapshot import Snapshot, write_snapshot
from hotswap.host.snapshot_state import SavedCard


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


ARGUMENTS = ["prove", "snapshots", "--reference-kernel", "--count", "1", "--seed", "7"]


def test_the_command_reports_in_json_and_its_progress_elsewhere() -> None:
    result = CliRunner().invoke(main_group, [*ARGUMENTS, "--json"], standalone_mode=False)
    assert result.return_value == 0, result.output
    found = json.loads(result.stdout)
    assert (found["campaign"], found["cases"], found["failed"]) == ("snapshots", 2, 0)
    assert (found["seed"], found["failures"]) == (7, [])
    assert found["moments"][0]["different"] == []
    assert "s: equal" in result.stderr


def with_scratch(card: SavedCard) -> SavedCard:
    fields = msgspec.msgpack.decode(card.state.fields)
    if card.name == "uart":
        fields["scr"] ^= 0x5A
    state = msgspec.structs.replace(card.state, fields=msgspec.msgpack.encode(fields))
    return msgspec.structs.replace(card, state=state)


def test_a_restored_run_that_ends_otherwise_fails_the_command_and_keeps_its_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Restored machines whose first serial port has another scratch register."""

    def write_another(path: Path, snapshot: Snapshot) -> int:
        cards = [with_scratch(card) for card in snapshot.machine.cards]
        machine = msgspec.structs.replace(snapshot.machine, cards=cards)
        return write_snapshot(path, snapshot._replace(machine=machine))

    monkeypatch.setattr(restores, "write_snapshot", write_another)
    arguments = [*ARGUMENTS, "--json", "--keep", str(tmp_path)]
    result = CliRunner().invoke(main_group, arguments, standalone_mode=False)
    assert result.return_value == 1, result.output
    (failure,) = json.loads(result.stdout)["failures"]
    assert failure["case"].startswith("restored at instruction ")
    assert "cards" in failure["different"]
    assert [path.name for path in tmp_path.iterdir()] == ["0.snap"]


def test_a_restored_run_that_does_not_end_is_a_failure_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    def write_damaged(path: Path, snapshot: Snapshot) -> int:
        size = write_snapshot(path, snapshot)
        with path.open("r+b") as file:
            file.truncate(size - 1)
        return size

    monkeypatch.setattr(restores, "write_snapshot", write_damaged)
    result = CliRunner().invoke(main_group, [*ARGUMENTS, "--json"], standalone_mode=False)
    assert result.return_value == 1, result.output
    (failure,) = json.loads(result.stdout)["failures"]
    assert failure["different"] == ["end"]
    assert "damaged" in failure["error"]
