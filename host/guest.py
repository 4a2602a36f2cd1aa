"""A reference kernel on a board as tests and demos want it: boot, type, wait, look inside."""

from __future__ import annotations

import re
from collections.abc import Iterable

import trio

from hotswap.bus import HotswapError
from hotswap.switchover.examine import Examined, examine
from hotswap.switchover.image import KernelImage

from .board import Board
from .images import refkernel, shipped

PATIENCE = 20.0
"""How far limits of host time are stretched here: test hosts are slow and busy."""


class GuestTimeout(HotswapError):
    """The guest did not print what was waited for; the message ends with what it did print."""


class GuestEnded(HotswapError):
    """The run ended while it was to go on; make the guest work longer."""


class Guest:
    """The guest of `board`. `text` is everything its serial port has let out."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.text = ""
        self.programs: list[str] = []
        self._more = trio.Event()

    def boot(
        self,
        programs: Iterable[str] = (),
        *,
        version: int = 1,
        image: KernelImage | None = None,
        options: str = "",
        hold: bool = False,
        stay: bool = False,
    ) -> None:
        """Boot the reference kernel with `programs` (`NAME:ARGUMENT`) under its init.

        `hold`: a program that has reported pauses instead of ending. `stay`: so does init.
        """
        self.programs = list(programs)
        words = ["init=/bin/init", *(["stay"] if stay else []), *(["hold"] if hold else [])]
        append = " ".join([options, *words, *self.programs]).strip()
        kernel = image or refkernel(version)
        self.board.boot(kernel, initrd=shipped("initrd.cpio"), append=append)
        self.listen()

    def listen(self) -> None:
        """Take what the serial port lets out from now on: of a machine that was booted before."""
        self.board.nursery.start_soon(self._listen)

    async def _listen(self) -> None:
        output = self.board.serial.output
        while True:
            await output.ready()
            self.text += output.take().decode("latin-1").replace("\r", "")
            self._more.set()
            self._more = trio.Event()

    @property
    def lines(self) -> list[str]:
        """The whole lines printed so far."""
        return self.text.split("\n")[:-1]

    def type(self, text: str) -> None:
        """Send `text` to the serial port."""
        self.board.serial.input.feed(text.encode())

    async def expect(self, pattern: str, *, seconds: float = 120) -> re.Match[str]:
        """Wait until `pattern` (multi-line) is in `text`. Raises `GuestTimeout` (host seconds)."""
        with trio.move_on_after(seconds):
            while True:
                more = self._more
                if (match := re.search(pattern, self.text, re.MULTILINE)) is not None:
                    return match
                await more.wait()
        raise GuestTimeout(f"no {pattern!r} within {seconds:g} s; the guest said:\n{self.text}")

    async def reported(self, *, seconds: float = 120) -> dict[str, str]:
        """Wait until every program has said how it went, in a whole line; the words by program."""
        names = [program.split(":")[0].split("*")[0] for program in self.programs]
        words: dict[str, str] = {}
        for name in names:
            match = await self.expect(rf"^{name} (ok \d+|FAILED.*)\n", seconds=seconds)
            words[name] = match[1]
        return words

    async def pass_time(self, ns: int) -> None:
        """Let `ns` of machine time pass. Raises `GuestEnded` when the run ends meanwhile."""
        clock = self.board.backplane.clock
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._end, scope)
                await clock.sleep_until(clock.now() + ns)
                nursery.cancel_scope.cancel()
        if scope.cancelled_caught:
            ended = await self.board.ended()
            raise GuestEnded(f"the guest ended ({ended}) after it said:\n{self.text}")

    async def _end(self, scope: trio.CancelScope) -> None:
        await self.board.ended()
        scope.cancel()

    async def examine(self) -> Examined:
        """The kernel's state and its processes' memory, undisturbed."""
        return await examine(self.board.machine, patience=PATIENCE)
