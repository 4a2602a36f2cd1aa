"""Linux on a deterministic machine: equal runs, whatever the host does, and equal restored runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hotswap.bus.trace import EdgeRecord
from hotswap.host.prove import LINUX, LINUX_DONE, LINUX_INITRD, LINUX_LINE, linux
from hotswap.host.prove_snapshots import Control, Workload, control, play, prove

from .conftest import Workload as FindWorkload

SEED = 486
MOMENTS = 10


@pytest.fixture(scope="module")
def linux_boot(workload: FindWorkload) -> Workload:
    kernel, initrd = workload(LINUX, "bzImage"), workload(LINUX, LINUX_INITRD)
    return linux(kernel, initrd, LINUX_LINE, 32, LINUX_DONE.encode())


@pytest.fixture(scope="module")
def quiet_run(linux_boot: Workload) -> Control:
    return trio.run(control, linux_boot)


@pytest.fixture
def host_load() -> Iterator[None]:
    """Other programs that want the host's processors all the time."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2)]
    yield
    for process in busy:
        process.kill()
        process.wait()


def test_the_boot_has_a_network_in_it(quiet_run: Control) -> None:
    assert b"@@PING-OK" in quiet_run.output
    assert b"hello-from-guest\r\n@@TCP-OK" in quiet_run.output
    frames = [record for record in quiet_run.records if isinstance(record, EdgeRecord)
              and record.number == 9 and record.level]  # fmt: skip
    assert len(frames) > 100


@pytest.mark.usefixtures("host_load")
async def test_another_boot_is_equal_trace_for_trace_also_under_host_load(
    linux_boot: Workload, quiet_run: Control
) -> None:
    loaded = await play(linux_boot, quiet_run.verdict.time_ns)
    assert quiet_run.verdict.differences(loaded) == []


async def test_restored_at_random_moments_in_new_processes_it_ends_the_same(
    linux_boot: Workload, quiet_run: Control, tmp_path: Path
) -> None:
    proof = await prove(linux_boot, MOMENTS, SEED, tmp_path, undisturbed=quiet_run)
    assert proof.holds, proof
    assert len({moment.instructions for moment in proof.moments}) == MOMENTS
