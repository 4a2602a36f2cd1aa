"""Linux on a deterministic machine: equal runs, whatever the host does, and equal restored runs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from hotswap.bus import SECTOR
from hotswap.bus.trace import CycleRecord, EdgeRecord
from hotswap.host.prove.restores import Control, Workload, control, play, prove
from hotswap.host.prove.workloads import LINUX, LINUX_DONE, NETWORK_INITRD, NETWORK_LINE, linux

from .conftest import Workload as FindWorkload

SEED = 486
MOMENTS = 5


@pytest.fixture(scope="module")
def linux_boot(workload: FindWorkload, tmp_path_factory: pytest.TempPathFactory) -> Workload:
    kernel, initrd = workload(LINUX, "bzImage"), workload(LINUX, NETWORK_INITRD)
    disk = tmp_path_factory.mktemp("disk") / "disk"
    return linux(kernel, initrd, NETWORK_LINE, 32, LINUX_DONE.encode(), disk)


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


def interrupts(run: Control, line: int) -> int:
    edges = (record for record in run.records if isinstance(record, EdgeRecord))
    return sum((edge.line, edge.number, edge.level) == ("IRQ", line, True) for edge in edges)


def test_the_boot_has_a_network_and_a_disk_in_it(quiet_run: Control) -> None:
    assert b"@@PING-OK" in quiet_run.output
    assert b"hello-from-guest\r\n@@TCP-OK" in quiet_run.output
    assert b" sda: sda1" in quiet_run.output
    assert interrupts(quiet_run, 9) > 100
    assert interrupts(quiet_run, 14) > 0
    words = (record for record in quiet_run.records if isinstance(record, CycleRecord))
    assert sum((word.address, word.width) == (0x1F0, 2) for word in words) > 2 * SECTOR


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
