"""Debian's stock kernel for a 686: 50 MB to fetch, so it runs by command only: `nox -s systems`."""

from __future__ import annotations

from .conftest import Workload as FindWorkload
from .console import running
from .test_linux import LINE


async def test_debians_own_kernel_runs_klibc_and_reboots(workload: FindWorkload) -> None:
    """6.5 G instructions; CMOV, the TSC and modules that find no hardware are new in it."""
    machine = {
        "machine": {"clock": "instructions", "memory": 128, "cpu": "686", "reboot": False},
        "boot": {
            "kernel": str(workload("linux-686", "vmlinuz")),
            "initrd": str(workload("linux-486", "initrd-klibc.gz")),
            "append": LINE,
        },
    }
    async with running(machine) as console:
        await console.expect(r"Linux version 6\.1\.0-\d+-686 ", 60)
        await console.expect("@@INIT uptime", 300)
        await console.expect("^flags.* tsc .*cmov", 10)
        await console.expect("@@DONE uptime", 60)
        ended = await console.ended(60)
    assert ended.status == 0
