"""A machine's screen and keyboard in the user's terminal: `hotswap-host run --display terminal`.

The screen is looked at in host time, between two slices, and nothing of the machine is touched:
its time does not know that somebody looks. How often: see the constants.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import trio

from hotswap.bus import BusError, HotswapError, Inbox

from .board import Board
from .keys import TerminalKeys, key
from .terminal import Terminal
from .terminal_colours import Depth, depth
from .terminal_escape import HELP, Command, Escapes
from .terminal_frame import Frame, frame, notice
from .terminal_painter import Painter

FRAME = 1 / 25
"""Seconds from one look at the screen to the next, while something changes."""
QUIET = 1 / 5
"""The same, when nothing has changed for `CALM` seconds and no key was typed."""
CALM = 1.0
SHARE = 4
"""After a look that took t seconds the machine has at least `SHARE` times t for itself."""


async def serve_display(
    board: Board,
    terminal: Terminal,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Show the screen of `board` on `terminal` and type what is typed there, until cancelled.

    Raises `BusError` at once when no card has a screen, `TerminalError` when the terminal is gone.
    """
    board.backplane.screen()
    await Display(board, terminal).serve(task_status)


class Display:
    """Use `serve_display`."""

    def __init__(self, board: Board, terminal: Terminal) -> None:
        self._board = board
        self._terminal = terminal
        self._depth: Depth = depth()
        self._painter = Painter()
        self._keys, self._escapes = TerminalKeys(), Escapes()
        self._help = False
        self._suspended = False
        self._seen = -1
        """Instructions executed at the last look."""
        self._lively_until = 0.0
        self._wake = trio.Event()

    async def serve(self, task_status: trio.TaskStatus[None]) -> None:
        """Until cancelled, or the terminal is gone."""
        while True:
            with self._terminal.full_screen():
                self._look_anew()
                async with trio.open_nursery() as nursery:
                    await nursery.start(self._watch_size)
                    nursery.start_soon(self._draw)
                    nursery.start_soon(self._type, nursery.cancel_scope)
                    task_status.started()
                    task_status = trio.TASK_STATUS_IGNORED
            if self._suspended:
                await self._suspend()

    async def _suspend(self) -> None:
        """Stop with the whole job, as Ctrl-Z does; the machine's clock stands still meanwhile."""
        self._suspended = False
        was_paused = self._board.paused
        await self._board.pause()
        os.kill(0, signal.SIGTSTP)  # returns when a shell lets the job go on
        if not was_paused:
            self._board.resume()

    # -- the screen -----------------------------------------------------------------------------

    async def _watch_size(
        self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        with trio.open_signal_receiver(signal.SIGWINCH) as signals:
            task_status.started()
            async for _ in signals:
                self._look_anew()

    def _look_anew(self) -> None:
        """Whatever the terminal shows is wrong."""
        self._painter.forget()
        self._stir()

    def _stir(self) -> None:
        """Something is about to change."""
        self._seen = -1
        self._lively_until = trio.current_time() + CALM
        self._wake.set()

    async def _draw(self) -> None:
        while True:
            self._wake = trio.Event()
            executed = self._board.processor.instructions
            began = trio.current_time()
            if executed != self._seen:
                self._seen = executed
                changes = self._painter.paint(self._frame())
                if changes:
                    self._lively_until = trio.current_time() + CALM
            else:
                changes = b""
            took = trio.current_time() - began
            await self._terminal.send(changes)
            await trio.sleep(max(FRAME, SHARE * took))
            if trio.current_time() > self._lively_until:
                with trio.move_on_after(QUIET):
                    await self._wake.wait()

    def _frame(self) -> Frame:
        columns, rows = self._terminal.size()
        if self._help:
            return notice(HELP, columns, rows)
        try:
            return frame(self._board.backplane.screen(), columns, rows, self._depth)
        except HotswapError as error:  # the card was pulled, or is faulty
            return notice([str(error)], columns, rows)

    # -- the keyboard ---------------------------------------------------------------------------

    async def _type(self, scope: trio.CancelScope) -> None:
        obey: dict[Command, Callable[[], object]] = {
            Command.END: self._board.stop,
            Command.CTRL_ALT_DEL: lambda: self._press(key("ctrl-alt-del")),
            Command.REDRAW: self._painter.forget,
        }
        while True:
            for typed in self._escapes.feed(await self._terminal.receive()):
                self._help = typed is Command.HELP
                if typed is Command.SUSPEND:
                    self._suspended = True
                    scope.cancel()
                elif isinstance(typed, Command):
                    obey.get(typed, lambda: None)()
                else:
                    self._press(self._keys.feed(typed))
                self._stir()

    def _press(self, codes: bytes) -> None:
        keyboard = self._keyboard()
        if keyboard is not None:
            keyboard.feed(codes)

    def _keyboard(self) -> Inbox | None:
        """The keyboard's plug; it may be pulled like any card."""
        try:
            return self._board.slot("kbc").input
        except BusError:
            return None
