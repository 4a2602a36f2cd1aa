"""memtest86+ finds no errors in a pass over the smallest memory it runs in."""

from __future__ import annotations

from .conftest import Workload as FindWorkload
from .console import running

MINUTE = 60
HOUR = 60 * MINUTE


async def test_memtest86_finishes_a_pass_with_0_errors(workload: FindWorkload) -> None:
    """Without test 10, which waits for bits to fade: 160 s, reading the TSC all the while."""
    machine = {
        # It moves itself above 4 MiB. A slow processor: what takes its time by the clock is short.
        "machine": {"clock": "instructions", "rate": 1_000_000, "memory": 5, "cpu": "586"},
        "boot": {
            "kernel": str(workload("memtest86+", "memtest86+ia32.bin")),
            "append": "console=ttyS0,115200",
        },
    }
    async with running(machine) as console:
        await console.see("Press <F1> to configure", MINUTE)
        console.press("<f1>")
        await console.see("<F1>  *Test selection", MINUTE)
        console.press("<f1>")
        await console.see("<F2>  *Remove one test", MINUTE)
        console.press("<f2>")
        await console.see("Enter test #", MINUTE)
        console.press("10<enter><f10><f10>")
        found = await console.expect(r"Pass:  1 +Errors: (\d+)", 4 * HOUR)
        assert found[1] == "0"
        await console.see("Memory  :    5MB", 0)
