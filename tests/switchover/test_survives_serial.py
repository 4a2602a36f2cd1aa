"""The serial line: what a client reads and writes is as in a run without a switchover."""

import re

import trio

from hotswap.host.backends import open_backend
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel, shipped
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import switch_over
from hotswap.switchover.image import load_image
from hotswap.switchover.options import Options

from .conftest import MS, Survive
from .test_rolls_back import GUESTS


async def test_numbered_lines_come_out_once_each_and_in_order(
    survive: Survive, guest: Guest
) -> None:
    verdicts = await survive("ticker:60:5", kernels=(2, 1, 2))
    assert verdicts["ticker"].startswith("ok")
    numbers = [int(n) for n in re.findall(r"^tick (\d+) of", guest.text, re.MULTILINE)]
    assert numbers == list(range(1, 61))


async def test_what_a_kernel_prints_before_it_fails_never_reaches_the_client(
    guest: Guest, switchover: SwitchKernel
) -> None:
    guest.boot(["ticker:40:5"])
    await guest.pass_time(40 * MS)
    before = guest.text
    report = await switchover(load_image(GUESTS / "refkernel-v2-chatty4k.elf"))
    assert report.outcome == "rolled back"
    assert guest.text == before
    await guest.reported()
    numbers = [int(n) for n in re.findall(r"^tick (\d+) of", guest.text, re.MULTILINE)]
    assert numbers == list(range(1, 41))


async def test_outputs_are_held_until_probation_is_over(guest: Guest) -> None:
    guest.boot(["ticker:200:5"])
    await guest.pass_time(40 * MS)
    held: list[tuple[str, int]] = []

    def tell(event: object) -> None:
        held.append((guest.text, len(guest.board.serial.output)))

    options = Options(probation_ms=200, patience=PATIENCE)
    await switch_over(guest.board.machine, refkernel(2), options, tell)
    text, waiting = held[-1]  # at the end of probation
    assert waiting > 0
    await guest.expect(re.escape(text) + r"tick")


async def test_a_tcp_client_reads_the_same_stream_over_switchovers() -> None:
    backend = await open_backend("tcp:127.0.0.1:0")
    port = int(backend.name.rpartition(":")[2])
    async with open_board(BoardConfig(deterministic=True), backend) as board:
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append="init=/bin/init ticker:40:5")
        clock = board.backplane.clock
        for kernel in (2, 1):
            await clock.sleep_until(clock.now() + 40 * MS)
            await switch_over(board.machine, refkernel(kernel), Options(patience=PATIENCE))
        text = ""
        async with stream:
            with trio.fail_after(60):
                while "ticker ok" not in text:
                    text += (await stream.receive_some()).decode().replace("\r", "")
        numbers = [int(n) for n in re.findall(r"^tick (\d+) of", text, re.MULTILINE)]
        assert numbers == list(range(1, 41))
