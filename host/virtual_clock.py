"""Machine time and port cycles by hand, on a board whose processor does not run."""

from __future__ import annotations

import trio.testing

from hotswap.bus import Backplane, MachineClock


class VirtualClock:
    """Machine time that stands still until somebody moves it."""

    def __init__(self) -> None:
        self.now = 0
        """Machine time in ns; assign to it to let time pass unnoticed by the alarms."""
        self.machine = MachineClock(lambda: self.now, self._wait)

    def _wait(self, ns: int) -> None:
        self.now += ns

    async def advance(self, ns: int) -> None:
        """Let `ns` pass: every alarm rings at its own instant and all tasks come to rest."""
        await trio.testing.wait_all_tasks_blocked()
        end = self.now + ns
        while (deadline := self.machine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.machine.fire()
            await trio.testing.wait_all_tasks_blocked()
        self.now = end


class Ports:
    """IN and OUT as a guest would do them; `width` is 1, 2 or 4 bytes."""

    def __init__(self, backplane: Backplane) -> None:
        self._backplane = backplane

    def read(self, port: int, width: int = 1) -> int:
        """IN."""
        return self._backplane.io.reads[width][port](port, width)

    def write(self, port: int, value: int, width: int = 1) -> None:
        """OUT."""
        self._backplane.io.writes[width][port](port, width, value)
