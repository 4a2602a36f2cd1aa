"""The run of a machine, which goes on until the guest, an operator or a failure ends it."""

from __future__ import annotations

import msgspec
import trio

from hotswap.bus import Backplane, Slot

from .exits import Exit, debug_exit_status


class Ended(msgspec.Struct, frozen=True):
    """How a run ended: the exit status and, when it was not the guest's wish, why."""

    status: int
    message: str = ""


class Run:
    """How a run ends: the first reason counts."""

    def __init__(self, backplane: Backplane) -> None:
        self.backplane = backplane
        self._ended: Ended | None = None
        self._end = trio.Event()

    async def ended(self) -> Ended:
        """Wait for the end of the run."""
        await self._end.wait()
        assert self._ended is not None
        return self._ended

    def end(self, ended: Ended) -> None:
        """The run is over; the first reason counts."""
        if self._ended is None:
            self._ended = ended
            self._end.set()

    def stop(self) -> None:
        """An operator's wish to end the run."""
        self.end(Ended(Exit.OK))

    def lose(self, why: str) -> None:
        """Neither kernel can go on."""
        self.end(Ended(Exit.FAILED, why))

    async def obey_debug_exit(self, slot: Slot) -> None:
        """End the run when a byte written to the debug-exit port has been let out."""
        with slot.connected():
            await slot.output.ready()
            self._end_by_debug_exit()

    def _end_by_debug_exit(self) -> None:
        """End the run if a byte for the debug-exit port is out."""
        slots = self.backplane.slots.values()
        for output in (slot.output for slot in slots if slot.title == "debugexit"):
            if byte := output.take(1):
                self.end(Ended(debug_exit_status(byte[0])))
