"""Linux 6.1 for a 486 with klibc and with busybox, in machine time."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from hotswap.host.exits import Exit

from .conftest import Workload as FindWorkload
from .console import running

LINE = "console=ttyS0 noapic nolapic acpi=off nokaslr panic=-1"
PROMPT = "^/ # "
NUMBERS = "".join(sorted((f"{n}\n" for n in range(1, 1001)), reverse=True))
DIGEST = hashlib.md5(NUMBERS.encode()).hexdigest()


def machine(
    workload: FindWorkload, initrd: str, line: str = LINE, *, reboot: bool = True
) -> Mapping[str, Any]:
    """32 MiB and no drives: Linux waits 4 s for them, which costs a halted processor nothing."""
    return {
        "machine": {"clock": "instructions", "memory": 32, "reboot": reboot},
        "boot": {
            "kernel": str(workload("linux-486", "bzImage")),
            "initrd": str(workload("linux-486", initrd)),
            "append": line,
        },
    }


async def test_klibc_comes_to_its_end_and_reboots_the_machine(workload: FindWorkload) -> None:
    """`reboot` pulses the RESET line by the 8042; the loader then does its work again."""
    async with running(machine(workload, "initrd-klibc.gz")) as console:
        await console.expect("Linux version 6.1", 10)
        await console.expect("CPU: Intel 486 DX/4", 10)
        await console.expect("@@INIT uptime", 10)
        await console.expect("^model name\t: 486 DX/4", 10)
        ticks = await console.expect(r"^  0: +(\d+) +XT-PIC +timer", 10)
        assert int(ticks[1]) > 250  # at 250 Hz
        await console.expect("@@DONE uptime", 10)
        await console.expect("reboot: machine restart", 10)
        await console.expect("Linux version 6.1", 10)
        await console.expect("Run /init as init process", 10)
    assert console.text.count("Linux version") == 2


async def test_a_shell_is_driven_over_the_serial_line(workload: FindWorkload) -> None:
    """Jobs, signals, pipes and a line edited by a terminal's keys."""
    boot = machine(workload, "initrd-busybox-i486.gz", f"{LINE} quiet shell", reboot=False)
    async with running(boot) as console:
        await console.expect("@@SHELL", 15)
        await console.expect(PROMPT, 5)
        console.type("echo $((6 * 7)) > /tmp/answer; cat /tmp/answer\n")
        await console.expect("^42\n/ # ", 5)
        console.type("seq 1000 | sort -r | md5sum\n")
        await console.expect(f"^{DIGEST}  -\n/ # ", 20)
        console.type("cat /etc/nothing || echo failed: $?\n")
        await console.expect("can't open '/etc/nothing'.*\nfailed: 1\n/ # ", 5)
        console.type("sleep 1000\n")
        await console.expect("sleep 1000\n", 5)
        console.type("\x03echo $?\n")
        await console.expect("^130\n/ # ", 5)
        console.type("cho edited\x1b[1~e\n")  # Home
        await console.expect("^edited\n/ # ", 5)
        console.type("reboot -f\n")
        ended = await console.ended(5)
    assert ended.status == Exit.OK
