"""Kernels with random structures take each other's place, and one that does it wrong is found."""

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from hotswap.host.prove.command import prove_command
from hotswap.host.prove.kernels import differences, trials_of, tried
from hotswap.host.prove.variants import build, draw
from hotswap.switchover.canonical import canonical
from hotswap.switchover.examine import Examined
from hotswap.switchover.image import load_image
from hotswap.switchover.savemap import SaveStateMap


def test_so_many_different_pairs_of_different_kernels() -> None:
    trials = list(trials_of(5, 20))
    assert len({trial[:2] for trial in trials}) == 20
    assert all(len(set(trial)) == 3 for trial in trials)
    assert len({seed for trial in trials for seed in trial}) == 7
    assert trials == list(trials_of(5, 20))
    assert len(list(trials_of(1, 200))) == 200


def test_what_takes_over_last_is_a_third_kernel() -> None:
    assert len(set(*trials_of(20, 1))) == 3


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """What a campaign of one pair says, and the folder of its kernels."""
    if not all(map(shutil.which, ("gcc", "make", "ld"))):
        pytest.skip("NOT TESTED: kernels are built with gcc (apt install gcc make binutils)")
    folder = tmp_path_factory.mktemp("kernels")
    command = ["kernels", "--count", "1", "--seed", "20", "--json", "--keep", str(folder)]
    result = CliRunner().invoke(prove_command, command, standalone_mode=False)
    return json.loads(result.stdout) | {"status": result.return_value}, folder


def test_generated_kernels_give_back_what_they_were_given(
    built: tuple[dict[str, Any], Path],
) -> None:
    facts, folder = built
    assert facts["failures"] == []
    assert [facts[key] for key in ("campaign", "cases", "failed", "seed", "status")] == [
        "kernels", 1, 0, 20, 0,
    ]  # fmt: skip
    seeds = {seed for trial in trials_of(20, 1) for seed in trial}
    assert {path.parent.name for path in folder.glob("*/kernel.elf")} == {
        f"kernel-{seed}" for seed in seeds
    }


async def test_a_kernel_that_forgets_a_field_is_found(
    built: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    good = load_image(built[1] / "kernel-20" / "kernel.elf")
    bad = await build(draw(20), tmp_path / "bad", flags="-DFAULT_badecho")
    assert "the new kernel has something else than was saved" in await tried(good, bad, good)


def examined(fit_map: SaveStateMap) -> Examined:
    return Examined(copy.deepcopy(fit_map), {(1, 0x8048000): "a", (2, 0x8048000): "b"})


def switched_twice(fit_map: SaveStateMap) -> Examined:
    after = examined(fit_map)
    count = after.map.time.switch_count + 2
    after.map.time = msgspec.structs.replace(after.map.time, switch_count=count, tick_hz=64)
    return after


def test_two_switchovers_and_other_ticks_are_no_difference(fit_map: SaveStateMap) -> None:
    assert canonical(examined(fit_map).map)
    assert differences(examined(fit_map), switched_twice(fit_map)) == []


def test_one_that_was_not_counted_is(fit_map: SaveStateMap) -> None:
    found = differences(examined(fit_map), examined(fit_map))
    assert found == ["TIME: 0 switchovers are counted, not 2"]


def test_a_page_that_changed_or_came_is_named(fit_map: SaveStateMap) -> None:
    after = switched_twice(fit_map)
    after.pages |= {(2, 0x8048000): "c", (2, 0x8049000): "new"}
    assert differences(examined(fit_map), after) == [
        "the page of pid 2 at 0x8048000",
        "the page of pid 2 at 0x8049000",
    ]


def test_a_field_that_changed_is_named(fit_map: SaveStateMap) -> None:
    after = switched_twice(fit_map)
    after.map.proc[0] = msgspec.structs.replace(after.map.proc[0], pgrp=9)
    assert differences(examined(fit_map), after) == ["PROC pid 1: pgrp 1 -> 9"]
