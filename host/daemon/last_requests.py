"""What a machine under the daemon answers, and that it does not end in the middle of an answer."""

from __future__ import annotations

import trio

from hotswap.host.board import Board
from hotswap.host.control import Reply, Request, Tell
from hotswap.host.operator import answer_for, replied_for
from hotswap.switchover.errors import Refused

LONG = frozenset({"switchover", "snapshot"})
PARTING = 1.0
"""Seconds a client has to take its last answer."""


class LastRequests:
    """As any machine answers; but before `stop` a switchover or snapshot ends, and is told of."""

    def __init__(self, board: Board) -> None:
        self.asked = False
        """Whether an operator wants the machine to end."""
        self._board = board
        self._as_any, self._then = answer_for(board), replied_for(board)
        self._at_work = 0
        self._untold = 0
        self._less = trio.Event()

    async def answer(self, request: Request, tell: Tell) -> Reply:
        """The function for `serve_control`."""
        if request.op == "stop":
            self.asked = True
            await self._finished()
        elif request.op in LONG:
            if self.asked:
                raise Refused("the machine is being stopped", "start it again first")
            self._untold += 1
            self._at_work += 1
            try:
                return await self._as_any(request, tell)
            finally:
                self._at_work -= 1
                self._tell()
        return await self._as_any(request, tell)

    def replied(self, request: Request) -> None:
        """Likewise, when the reply was sent."""
        if request.op in LONG:
            self._untold -= 1
            self._tell()
        self._then(request)

    async def _finished(self) -> None:
        while self._at_work:
            await self._less.wait()
        await self._board.backplane.unlocked()  # whose client is gone goes on all the same
        with trio.move_on_after(PARTING):
            while self._untold:
                await self._less.wait()

    def _tell(self) -> None:
        self._less.set()
        self._less = trio.Event()
