"""busybox, unmodified, on the reference kernel: an interactive shell that is switched under."""

import gzip
from collections.abc import AsyncIterator

import pytest

from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel, shipped
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.options import Options

from .conftest import Workload

MS = 1_000_000
TRAILER = b"TRAILER!!!"
SHELL = "init=/bin/init getty:/dev/ttyS0:/bin/busybox:sh"


def without_trailer(archive: bytes) -> bytes:
    """A cpio archive that another one may follow."""
    return archive[: archive.index(TRAILER) - 110]


@pytest.fixture
async def shell(workload: Workload) -> AsyncIterator[Guest]:
    """busybox's shell on the serial port, with job control, at its first prompt."""
    archive = gzip.decompress(workload("linux-486", "initrd-busybox-i486.gz").read_bytes())
    initrd = without_trailer(shipped("initrd.cpio")) + archive
    async with open_board(BoardConfig(deterministic=True)) as board:
        guest = Guest(board)
        board.boot(refkernel(1), initrd=initrd, append=SHELL)
        guest.listen()
        await guest.expect(r"\$ $")
        guest.type("busybox --install -s /tmp; PATH=/tmp:/bin; echo installed: $?\n")
        await guest.expect("^installed: 0$")
        await guest.expect(r"\$ $")
        yield guest


async def say(guest: Guest, line: str, answer: str) -> None:
    """Type a line and wait for its answer, and for the prompt behind it."""
    before = len(guest.text)
    guest.type(line + "\n")
    await guest.expect(rf"(?s)^.{{{before}}}.*^{answer}$.*\$ $", seconds=15)


async def switch(guest: Guest, kernel: int) -> None:
    await switch_over(guest.board.machine, refkernel(kernel), Options(patience=PATIENCE))


async def test_usual_commands(shell: Guest) -> None:
    await say(shell, "uname -s; cd /proc/self && basename $(pwd -P) | tr 0-9 n", "n+")
    await say(shell, "ls -ld /tmp | cut -c1-10", "drwxrwxrwt")
    await say(shell, "echo three words here | tee /tmp/t | wc -w", "3")
    await say(shell, "cat < /tmp/t >> /tmp/u; cat /tmp/t >> /tmp/u; wc -l < /tmp/u", "2")
    await say(shell, "ps | grep -c 'init$'", "1")
    await say(shell, "free | grep -c Mem; uptime | grep -c up", "1\n1")
    await say(shell, "for i in 1 2 3; do echo n$i; done | sort -r | head -n 1", "n3")
    await say(
        shell, "mkdir -p /tmp/a/b; touch /tmp/a/b/c; find /tmp/a | sort | tail -n 1", "/tmp/a/b/c"
    )
    await say(shell, "rm -r /tmp/a; ls /tmp/a; echo gone: $?", "gone: 1")
    await say(shell, "(exit 7); echo status $?; test -t 0 && echo terminal", "status 7\nterminal")
    await say(shell, "echo new > /etc/new; echo $?", "1")


async def test_jobs_survive_stopped_in_the_background_and_in_the_foreground(shell: Guest) -> None:
    shell.type("sleep 500\n")
    await shell.pass_time(100 * MS)
    shell.type("\x1a")
    await shell.expect(r"Stopped +sleep 500\n")
    shell.type("cat &\n")
    await switch(shell, 2)
    await say(shell, "jobs", r"\[2\].*Stopped \(tty input\) +cat\n\[1\].*Stopped +sleep 500")
    shell.type("fg %2\n")
    await shell.expect(r"^cat\n")
    await switch(shell, 1)
    shell.type("typed to cat\n")
    await shell.expect(r"^typed to cat\ntyped to cat\n")
    shell.type("\x04")
    await say(shell, "bg %1; jobs", r"\[1\].*Running +sleep 500")
    await switch(shell, 2)
    shell.type("fg\n")
    await shell.expect(r"^sleep 500\n")
    await switch(shell, 1)
    shell.type("\x03")
    await say(shell, "echo ended: $?", "ended: 130")


async def test_pipelines_and_read_go_on_in_the_middle(shell: Guest) -> None:
    shell.type("(sleep 1; echo late) | cat; echo done\n")
    await switch(shell, 2)
    await shell.expect("^late\ndone\n")
    shell.type("read -t 60 a b; echo $b $a\n")
    await switch(shell, 1)
    shell.type("left ri")
    await switch(shell, 2)
    shell.type("ght\n")
    await shell.expect("^right left$")
    await say(shell, "cd /tmp; umask 027; echo kept > kept; umask", "0027")
    await switch(shell, 1)
    await say(
        shell, "pwd; umask; ls -l kept | cut -c1-10; cat kept", "/tmp\n0027\n-rw-r-----\nkept"
    )


async def test_an_editor_draws_and_saves_across_a_switchover(shell: Guest) -> None:
    await say(shell, "stty rows 24 cols 80; TERM=linux; export TERM; echo ready", "ready")
    shell.type("vi /tmp/note\n")
    await shell.expect(r"~")
    shell.type("ihello from vi")
    await switch(shell, 2)
    shell.type("\x1b")
    await shell.pass_time(100 * MS)  # or it would be the beginning of a key
    shell.type(":wq\n")
    await say(shell, "cat /tmp/note", "hello from vi")
