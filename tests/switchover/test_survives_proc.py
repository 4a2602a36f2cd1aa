"""What /proc says of time and memory goes on over switchovers."""

import re

import pytest

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel

from .conftest import MS

HUNDREDTH = 10_000_000


async def says(guest: Guest, command: str) -> str:
    """What a command prints, at the prompt of the shell on the serial port."""
    before = len(guest.text)
    guest.type(f"{command}; echo do''ne\n")
    await guest.expect(rf"(?s)\A.{{{before}}}.*^done\n\$ \Z")
    return guest.text[before:].partition("\n")[2].rpartition("done\n")[0]


@pytest.fixture
async def shell(guest: Guest) -> Guest:
    """A shell at its first prompt."""
    guest.boot(["getty:/dev/ttyS0:/bin/sh"], options="quiet")
    await guest.expect(r"^\$ \Z")
    return guest


async def test_uptime_counts_on_from_the_first_boot(shell: Guest, switchover: SwitchKernel) -> None:
    clock = shell.board.backplane.clock
    behind = []
    for kernel in (2, 1, 2):
        before = clock.now()
        words = await says(shell, "cat /proc/uptime")
        assert re.fullmatch(r"\d+\.\d\d \d+\.\d\d\n", words)
        up, idle = words.split()
        behind.append((clock.now() - float(up) * 1e9, before - float(up) * 1e9))
        assert float(idle) <= float(up)
        assert (await switchover(kernel)).outcome == "committed"
        await shell.pass_time(300 * MS)
    # the time between the machine's power-on and the kernel's boot is the same each time
    assert max(least for _, least in behind) <= min(most for most, _ in behind) + HUNDREDTH


async def test_maps_of_a_process_are_the_same_to_the_last_character(
    shell: Guest, switchover: SwitchKernel
) -> None:
    await says(shell, "cat /proc/1/maps")  # the shell takes more memory for its first commands
    before = await says(shell, "cat /proc/1/maps /proc/2/maps")
    assert re.search(r"^08048000-[0-9a-f]{8} r-xp 00000000 00:00 0", before, re.MULTILINE), before
    assert re.search(r"\[stack\]$", before, re.MULTILINE), before
    for kernel in (2, 1):
        assert (await switchover(kernel)).outcome == "committed"
        assert await says(shell, "cat /proc/1/maps /proc/2/maps") == before
