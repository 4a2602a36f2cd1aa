"""The process a machine runs in under the daemon: `python -m ... ORDER`, see `order`.

It is no part of the daemon's life: when that is gone it goes on, with its logs, its record and its
control socket, until an operator or the next daemon ends it.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec
import structlog
import trio

from hotswap.bus import HotswapError
from hotswap.host.assembly import Assembly, assemble
from hotswap.host.board import Board
from hotswap.host.cables import OpenCable, open_cables
from hotswap.host.control import serve_control
from hotswap.host.exits import Exit, leaves
from hotswap.host.history.record import folder
from hotswap.host.machine import open_machine
from hotswap.host.machine_fault import MachineError
from hotswap.host.machine_file import check, read_document
from hotswap.host.signals import ended_like_ctrl_c

from .entry import digest_of
from .errors import DaemonError
from .last_requests import LastRequests
from .log_file import LOG_KEPT, LOG_MAX, SERIAL_KEPT, SERIAL_MAX, BoundedFile
from .log_line import LogWriter, log_to
from .order import READY, LastWords, Order
from .record import MachineRecord, hold_record, now
from .runtime import Runtime
from .serial_log import serial_log

STDIO = "stdio"
DRAIN = 5.0
"""Seconds the back ends have, at the end, to take what the guest has sent."""


class Session:
    """One run of the machine of `order`."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.runtime = Runtime(Path(order.runtime))

    def assembly(self) -> Assembly:
        """The machine's parts. Raises `MachineError`."""
        path = Path(self.order.file)
        document = read_document(path)
        if isinstance(table := document.setdefault("machine", {}), dict):
            table["name"] = self.order.name
        assembly = assemble(check(document, base=path.parent), str(path))
        if assembly.file.display.to == "terminal":
            raise DaemonError(
                f"{path}: display.to: a machine of the daemon has no terminal; leave it out, and "
                f"see the screen with `hotswap-host screen --machine {self.order.name}`"
            )
        return assembly

    async def cables(self, assembly: Assembly) -> dict[int, OpenCable]:
        """What is at the far ends; that of the terminal there is not is a file of the logs."""
        logged = {slot: c for slot, c in assembly.cables.items() if c.to == STDIO}
        others = {slot: c for slot, c in assembly.cables.items() if c.to != STDIO}
        opened = await open_cables(others)
        path = Path(self.order.logs) / f"{self.order.name}.serial"
        for slot, cable in logged.items():
            kept = msgspec.structs.replace(cable, to="none")  # what a snapshot of it leads to
            file = BoundedFile(path, SERIAL_MAX, SERIAL_KEPT)
            file.append(b"")  # there, though the guest says nothing
            opened[slot] = OpenCable(kept, serial_log(file))
        return opened

    async def run(self) -> LastWords:
        """Until the guest, an operator or a signal ends it. Raises `HotswapError` of many kinds."""
        log = structlog.get_logger()
        assembly = self.assembly()
        cables = await self.cables(assembly)
        for _, (cable, back_end) in sorted(cables.items()):
            if not cable.frames and back_end.name != "none":
                log.info("connected", port=cable.port, to=back_end.name)
        async with open_machine(assembly, cables) as board:
            words = await self._attend(board)
            await board.drain(seconds=DRAIN)
        return words

    async def _attend(self, board: Board) -> LastWords:
        words = LastWords(Exit.INTERRUPTED, "a signal has ended it", asked=True)
        async with trio.open_nursery() as nursery:

            async def end_on_signal(*, task_status: trio.TaskStatus[None]) -> None:
                with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                    task_status.started()
                    async for _ in signals:
                        nursery.cancel_scope.cancel()

            await nursery.start(end_on_signal)
            board.history = folder()
            control = self.runtime.control(self.order.name)
            requests = LastRequests(board)
            await nursery.start(serve_control, control, requests.answer, requests.replied)
            structlog.get_logger().info("running", pid=os.getpid(), control=str(control))
            _say_ready()
            ended = await board.ended()
            words = LastWords(ended.status, ended.message, asked=requests.asked)
            nursery.cancel_scope.cancel()
        return words


def _say_ready() -> None:
    """Tell the daemon, if it is still there; what cards print after that is nowhere."""
    with suppress(BrokenPipeError):
        os.write(1, READY)
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    os.dup2(null, 1)
    os.close(null)


def _ended(order: Order) -> LastWords:
    """Be the machine of `order` to its end."""
    session = Session(order)
    log = structlog.get_logger()
    digest = digest_of(Path(order.file))
    record = MachineRecord(order.name, order.file, os.getpid(), now(), digest, order.restarts)
    try:
        with hold_record(session.runtime.record(order.name), record):
            return trio.run(session.run, restrict_keyboard_interrupt_to_checkpoints=True)
    except KeyboardInterrupt:
        return LastWords(Exit.INTERRUPTED, "a signal has ended it", asked=True)
    except (Exception, BaseExceptionGroup) as error:
        causes = leaves(error)
        if any(isinstance(cause, KeyboardInterrupt) for cause in causes):
            return LastWords(Exit.INTERRUPTED, "a signal has ended it", asked=True)
        unfit = all(isinstance(cause, MachineError) for cause in causes)
        if all(isinstance(cause, HotswapError) for cause in causes):
            return LastWords(Exit.FAILED, "; ".join(map(str, causes)), unfit=unfit)
        log.error("a defect of hotswap-host", exc_info=error)
        cause = causes[0]
        return LastWords(Exit.FAILED, f"{type(cause).__name__}: {cause}; report this")


def main() -> int:
    """The command line of this module."""
    order = msgspec.json.decode(sys.argv[1], type=Order)
    log_file = BoundedFile(Path(order.logs) / f"{order.name}.log", LOG_MAX, LOG_KEPT)
    log_to(LogWriter(log_file), order.name)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # means nothing to a machine
    with ended_like_ctrl_c():
        words = _ended(order)
    log = structlog.get_logger()
    say = log.info if words.status == Exit.OK or words.asked else log.error
    say("ended", status=int(words.status), why=words.message)
    with suppress(OSError):  # full of what it has complained of before
        os.write(2, b"\n" + msgspec.json.encode(words) + b"\n")
    return words.status


if __name__ == "__main__":
    sys.exit(main())
