"""Linux on a PC that a machine file describes: it finds all that is in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from hotswap.host.exits import Exit
from hotswap.host.prove.workloads import LINUX

from .conftest import Workload as FindWorkload

COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
MACHINE = """
[machine]
memory = 48
clock = "instructions"
reboot = false
[boot]
kernel = "{kernel}"
initrd = "{initrd}"
append = "console=ttyS0"
[[serial]]
to = "console"
[[serial]]
to = "none"
[[disk]]
image = "first"
overlay = "overlay"
[[disk]]
image = "second"
[[disk]]
image = "third"
read_only = true
"""


def test_linux_finds_the_memory_the_ports_and_the_disks_of_a_machine_file(
    workload: FindWorkload, tmp_path: Path
) -> None:
    kernel, initrd = workload(LINUX, "bzImage"), workload(LINUX, "initrd-klibc.gz")
    for cylinders, name in enumerate(("first", "second", "third"), start=3):
        (tmp_path / name).write_bytes(bytes(cylinders * 1008 * 512))
    (tmp_path / "m.toml").write_text(MACHINE.format(kernel=kernel, initrd=initrd))
    command = [COMMAND, "run", str(tmp_path / "m.toml"), "--timeout", "250"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    said = (tmp_path / "console").read_text()
    assert done.returncode == Exit.OK, done.stderr
    for words in (
        "Kernel command line: console=ttyS0\n",
        f"/{48 * 1024 - 4 - 384 - 4}K available",
        "ttyS0 at I/O 0x3f8 (irq = 4",
        "ttyS1 at I/O 0x2f8 (irq = 3",
        "ata1.00: 3024 sectors",
        "ata1.01: 4032 sectors",
        "ata2.00: 5040 sectors",
        "reboot: machine restart",
    ):
        assert words in said.replace("\r", ""), said
