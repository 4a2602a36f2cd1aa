"""The far end of a serial port: what came out of it as text, and who reads on."""

from __future__ import annotations

import re

import trio

from hotswap.bus import Slot

LONGEST = 4096
"""Characters a match may have, so that a long log is not searched again and again."""


class SerialLine:
    """What the card in `slot` has sent, less CR, is `text`."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self.text = ""
        self._read = 0
        self._more = trio.Event()

    async def listen(self) -> None:
        """Take what comes, until cancelled."""
        output = self.slot.output
        while True:
            await output.ready()
            self._hear(output.take())

    def _hear(self, sent: bytes) -> None:
        if sent:
            self.text += sent.decode("latin-1").replace("\r", "")
            self._more.set()
            self._more = trio.Event()

    def take_rest(self) -> None:
        """What has not been heard yet."""
        self._hear(self.slot.output.take())

    async def next(self, pattern: re.Pattern[str]) -> re.Match[str]:
        """The next match; the reading goes on behind it."""
        while (found := pattern.search(self.text, self._read)) is None:
            self._read = max(self._read, len(self.text) - LONGEST)
            await self._more.wait()
        self._read = found.end()
        return found

    @property
    def unread(self) -> str:
        """What no expectation has been met by."""
        return self.text[self._read :]
