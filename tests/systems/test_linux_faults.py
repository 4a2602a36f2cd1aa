"""Linux's own drivers on a bus where things go wrong: what they say, and that they recover."""

from __future__ import annotations

from pathlib import Path

from hotswap.bus.injection import Corrupt, DelayIrq, Drop, LoseIrq, StormIrq

from .conftest import Workload as FindWorkload
from .console import Console, running
from .test_linux import LINE, PROMPT, machine

READ = "dd if=/dev/sda of=/dev/null bs=4096 count=1 skip={} && echo whole\n"


async def lost_disk_interrupt(console: Console) -> None:
    """pata_legacy waits 30 s for an interrupt, then asks the drive and resets it."""
    injections = console.board.backplane.injections
    lost = injections.add(LoseIrq(irq=14, times=1))
    console.type(READ.format(0))
    await console.expect(r"ata1: lost interrupt \(Status 0x58\)", 40)
    await console.expect("ata1: soft resetting link", 5)
    await console.expect("ata1: EH complete", 5)
    await console.expect(f"^whole\n{PROMPT[1:]}", 5)
    assert (lost.hits, lost.spent) == (1, True)
    injections.clear()


async def error_in_disk_status(console: Console) -> None:
    """ERR where there is none: the command fails, is tried again, and the data are there."""
    injections = console.board.backplane.injections
    wrong = injections.add(Corrupt(first=0x1F7, direction="in", high=1, skip=3, times=1))
    console.type(READ.format(64))
    await console.expect(r"res 5[08]/.* \(device error\)", 5)
    await console.expect(f"^whole\n{PROMPT[1:]}", 5)
    assert wrong.hits == 1
    injections.clear()


async def lost_network_interrupts(console: Console) -> None:
    """The chip's two transmit buffers fill up; the kernel's watchdog then looks after the card."""
    injections = console.board.backplane.injections
    lost = injections.add(LoseIrq(irq=9))
    console.type("ping -c 5 -W 1 10.0.2.2 | tail -2\n")
    await console.expect("eth0: NETDEV WATCHDOG: .*transmit queue 0 timed out", 30)
    injections.clear()
    await console.expect("100% packet loss\n", 30)
    await console.expect(PROMPT, 30)
    assert lost.hits
    before = await interrupts(console, "NE2000")
    console.type("ping -c 5 -W 1 10.0.2.2 | tail -2\n")
    await console.expect(PROMPT, 30)
    assert await interrupts(console, "NE2000") > before


async def interrupts(console: Console, driver: str) -> int:
    """How many of them Linux has counted."""
    console.type(f"grep {driver} /proc/interrupts\n")
    counted = await console.expect(rf"^ +\d+: +(\d+) .*{driver}\n/ # ", 10)
    return int(counted[1])


async def dropped_serial_byte(console: Console) -> None:
    """What the port never saw is missing in what comes out; nobody waits for it."""
    injections = console.board.backplane.injections
    console.type("x=6; ")
    await console.expect("x=6; ", 5)
    dropped = injections.add(Drop(first=0x3F8, direction="out", value=ord("4"), times=1))
    console.type("echo $((7 * x))-$((7 * x))\n")
    await console.expect("^2-42\n/ # ", 5)
    assert dropped.hits == 1
    injections.clear()


async def late_serial_interrupts(console: Console) -> None:
    """Each comes 20 ms late: all arrives, in its order, later."""
    injections = console.board.backplane.injections
    late = injections.add(DelayIrq(irq=4, ns=20_000_000))
    console.type("seq 1 20 | tr '\\n' ,; echo\n")
    numbers = ",".join(str(number) for number in range(1, 21))
    await console.expect(f"^{numbers},\n/ # ", 20)
    assert late.hits > 5
    injections.clear()


async def storm_of_interrupts(console: Console) -> None:
    """The driver is called for nothing 500 times; the shell goes on."""
    injections, clock = console.board.backplane.injections, console.board.backplane.clock
    storm = injections.add(StormIrq(irq=4, ns=1_000_000, times=500))
    await clock.sleep_until(clock.now() + 501_000_000)
    assert storm.spent
    assert await interrupts(console, "ttyS0") > 500
    injections.clear()


async def test_linux_recovers_from_what_goes_wrong_on_the_bus(
    workload: FindWorkload, tmp_path: Path
) -> None:
    """One boot for all; each fault is mended before the next."""
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(range(256)) * 4096)
    boot = machine(workload, "initrd-busybox-i486.gz", f"{LINE} quiet shell loglevel=7")
    connected = {"disk": [{"image": str(disk)}], "network": [{"to": "none"}]}
    async with running({**boot, **connected}) as console:
        await console.expect(PROMPT, 60)
        for fault in (
            dropped_serial_byte, late_serial_interrupts, storm_of_interrupts,
            error_in_disk_status, lost_network_interrupts, lost_disk_interrupt,
        ):  # fmt: skip
            await fault(console)
        assert len(console.board.backplane.injections) == 0
        console.type("echo the end\n")
        await console.expect("^the end\n/ # ", 5)
