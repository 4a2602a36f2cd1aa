"""Linux on a deterministic machine: equal runs, whatever the host does, and equal restored runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.host.prove import LINUX, LINUX_DONE, LINUX_LINE, linux
from hotswap.host.prove_snapshots import Workload, control, play, prove

from .conftest import Workload as FindWorkload

SEED = 486
MOMENTS = 10


@pytest.fixture(scope="module")
def linux_boot(workload: FindWorkload) -> Workload:
    kernel, initrd = workload(LINUX, "bzImage"), workload(LINUX, "initrd-klibc.gz")
    return linux(kernel, initrd, LINUX_LINE, 32, LINUX_DONE.encode())


@pytest.fixture
def host_load() -> Iterator[None]:
    """Another program that wants the host's processors all the time."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in busy:
        process.kill()
        process.wait()


async def test_two_boots_are_equal_trace_for_trace_also_under_host_load(
    linux_boot: Workload, request: pytest.FixtureRequest
) -> None:
    quiet = await control(linux_boot)
    request.getfixturevalue("host_load")
    loaded = await play(linux_boot, quiet.verdict.time_ns)
    assert quiet.verdict.differences(loaded) == []


async def test_linux_restored_at_random_moments_in_new_processes_ends_the_same(
    linux_boot: Workload, tmp_path: Path
) -> None:
    proof = await prove(linux_boot, MOMENTS, SEED, tmp_path)
    assert proof.holds, proof
    assert len(proof.moments) == MOMENTS
