"""Debian's stock kernel for a 686: 50 MB to fetch, so it runs by command only: `nox -s systems`."""

from __future__ import annotations

import gzip
import re
import runpy
from pathlib import Path

import trio

from hotswap.bus import Slot

from .conftest import ROOT
from .conftest import Workload as FindWorkload
from .console import Console, running
from .test_linux import LINE, PROMPT

FIND = "cd /sys/bus/pnp/devices; for d in *; do echo $d $(cat $d/id); done; cd /\n"


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


def with_modules(workload: FindWorkload, initrd: Path) -> None:
    """The busybox file system with the drivers of the NE2000 beside it, in `initrd`."""
    newc = runpy.run_path(str(ROOT / "examples" / "build.py"))["newc"]
    modules = ("8390p.ko", "ne.ko")
    more = newc([(name, 0o100644, workload("linux-686", name).read_bytes()) for name in modules])
    busybox = workload("linux-486", "initrd-busybox-i486.gz").read_bytes()
    initrd.write_bytes(busybox + gzip.compress(more))


async def asked(console: Console, command: str, answer: str) -> None:
    """A shell's answer, up to its next prompt."""
    console.type(command)
    await console.expect(answer, 20)
    await console.expect(PROMPT, 20)


async def sent(slot: Slot, words: bytes) -> bytes:
    """What the guest sends over a serial port, up to `words`."""
    content = b""
    with trio.fail_after(60):
        while words not in content:
            await slot.output.ready()
            content += slot.output.take()
    return content


async def test_it_finds_configures_and_drives_plug_and_play_cards(
    workload: FindWorkload, tmp_path: Path
) -> None:
    """Its ISA Plug and Play is built in, as is the driver of the serial port."""
    with_modules(workload, tmp_path / "initrd")
    machine = {
        "machine": {"clock": "instructions", "memory": 128, "cpu": "686", "reboot": False},
        "boot": {
            "kernel": str(workload("linux-686", "vmlinuz")),
            "initrd": str(tmp_path / "initrd"),
            "append": f"{LINE} shell",
        },
        "card": [
            {"name": "uart", "slot": 20, "settings": {"pnp": True}},
            {"name": "ne2000", "slot": 21, "settings": {"pnp": True}},
        ],
    }
    async with running(machine) as console:
        serial, network = (console.board.backplane.slots[number] for number in (20, 21))
        await console.expect("isapnp: Scanning for PnP cards", 300)
        await console.expect("card 'hotswap-host NE2000'", 10)
        await console.expect("card 'hotswap-host serial port'", 10)
        await console.expect("isapnp: 2 Plug & Play cards detected total", 10)
        await console.expect(r"ttyS2 at I/O 0x3e8 \(irq = 5, base_baud = 115200\) is a 16550A", 10)
        await console.expect("@@SHELL", 300)
        await console.expect(PROMPT, 10)
        await asked(console, FIND, "^00:01.00 RTL8019 PNP80d6\n00:02.00 PNP0501\n")
        path = "/sys/bus/pnp/devices/00:02.00"
        await asked(console, f"cat {path}/resources\n", "^state = active\nio 0x3e8-0x3ef\nirq 5\n")
        await asked(console, f"readlink {path}/driver\n", "^.*/pnp/drivers/serial\n")
        script = "echo ready; read word; grep ttyS2 /proc/interrupts; echo got $word"
        console.type(f"sh -c '{script}' <> /dev/ttyS2 >&0\n")
        await sent(serial, b"ready")
        serial.input.feed(b"hello\n")
        said = await sent(serial, b"got hello")
        assert re.search(rb"^ +5: +[1-9]\d* +XT-PIC +ttyS2\r", said, re.MULTILINE)
        await console.expect(PROMPT, 20)
        await asked(console, "insmod /8390p.ko; insmod /ne.ko\n", "found at 0x280, using IRQ 10")
        console.type("ifconfig eth0 10.0.2.15 up; ping -c 1 -W 1 10.0.2.2\n")
        await console.expect("1 packets transmitted", 20)
        frames = []
        while (frame := network.frames_out.take()) is not None:
            frames.append(frame)
        asked_for = bytes((10, 0, 2, 2))
        assert any(f[12:14] == b"\x08\x06" and f[38:42] == asked_for for f in frames)
        await console.expect(PROMPT, 20)
        console.type("reboot -f\n")
        assert (await console.ended(20)).status == 0
