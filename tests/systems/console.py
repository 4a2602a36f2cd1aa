"""Who sits at a machine: reads its serial line and its screen, types; all limits in machine time.

A deterministic machine is given seconds that its processor counts, so that a busy host changes
nothing; one that talks to the host's network runs in real time, and is given the host's.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import trio

from hotswap.bus import TextScreen
from hotswap.host.assembly import assemble
from hotswap.host.board import Board, Ended
from hotswap.host.cables import open_cables
from hotswap.host.keys import text as keystrokes
from hotswap.host.machine import open_machine
from hotswap.host.machine_file import check

LOOK_NS = 100_000_000
"""Machine time between two looks at the screen."""
LONGEST = 4096
"""Characters that a match on the serial line may have."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")

T = TypeVar("T")


class Console:
    """The serial line and the screen of `board`; `text` is what came over the line, less CR."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.text = ""
        self._read = 0
        self._more = trio.Event()
        board.nursery.start_soon(self._listen)

    async def _listen(self) -> None:
        output = self.board.serial.output
        while True:
            await output.ready()
            self.text += output.take().decode("latin-1").replace("\r", "")
            self._more.set()
            self._more = trio.Event()

    def type(self, text: str) -> None:
        """Send it over the serial line."""
        self.board.serial.input.feed(text.encode())

    def press(self, keys: str) -> None:
        """On the keyboard; `<...>` names a key."""
        self.board.slot("kbc").input.feed(keystrokes(keys))

    async def expect(self, pattern: str, seconds: float) -> re.Match[str]:
        """What comes over the line next that matches; the reading goes on behind it."""

        compiled = re.compile(pattern, re.MULTILINE)

        async def read() -> re.Match[str]:
            while (found := compiled.search(self.text, self._read)) is None:
                self._read = max(self._read, len(self.text) - LONGEST)
                await self._more.wait()
            self._read = found.end()
            return found

        return await self._within(seconds, read, f"no {pattern!r}")

    async def see(self, pattern: str, seconds: float) -> re.Match[str]:
        """The screen as text, as soon as it matches."""
        clock = self.board.backplane.clock

        async def look() -> re.Match[str]:
            while not (found := re.search(pattern, self.screen, re.MULTILINE)):
                await clock.sleep_until(clock.now() + LOOK_NS)
            return found

        return await self._within(seconds, look, f"no {pattern!r} on the screen")

    async def ended(self, seconds: float) -> Ended:
        """How the run has ended."""
        return await self._within(seconds, self.board.ended, "no end", ends=True)

    @property
    def screen(self) -> str:
        """The lines of the text screen; empty in a graphics mode."""
        shown = self.board.backplane.screen()
        if not isinstance(shown, TextScreen):
            return ""
        characters = shown.cells[::2].replace(b"\0", b" ").decode("cp437")
        rows = range(0, len(characters), shown.columns)
        return "\n".join(characters[at : at + shown.columns].rstrip() for at in rows)

    async def _within(
        self, seconds: float, wanted: Callable[[], Awaitable[T]], what: str, *, ends: bool = False
    ) -> T:
        clock, results = self.board.backplane.clock, list[T]()
        why = f"within {seconds:g} s of machine time"
        async with trio.open_nursery() as nursery:

            async def get() -> None:
                results.append(await wanted())
                nursery.cancel_scope.cancel()

            async def limit() -> None:
                await clock.sleep_until(clock.now() + int(seconds * 1e9))
                nursery.cancel_scope.cancel()

            async def watch() -> None:
                nonlocal why
                why = f"before the end: {await self.board.ended()}"
                nursery.cancel_scope.cancel()

            nursery.start_soon(get)
            nursery.start_soon(limit)
            if not ends:
                nursery.start_soon(watch)
        if results:
            return results[0]
        said = ESCAPES.sub("", self.text)[-2000:]
        shown = self.screen.strip("\n")
        raise AssertionError(f"{what} {why}; on the line:\n{said}\non the screen:\n{shown}")


@asynccontextmanager
async def running(machine: Mapping[str, Any]) -> AsyncIterator[Console]:
    """The machine of a machine file's tables, powered on, with somebody at its console."""
    document = {"serial": [{"to": "memory"}], **machine}
    assembly = assemble(check(document, base=Path()))
    async with open_machine(assembly, await open_cables(assembly.cables)) as board:
        yield Console(board)
