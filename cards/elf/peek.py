"""Reading the memory of a card that is not in an engine yet, with every pointer checked."""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ElfError
from .place import Segment


class Peek:
    """The segments of the card in file `name`. `where` in messages is what the pointer is."""

    def __init__(self, name: str, segments: Sequence[Segment]) -> None:
        self.name = name
        self._segments = segments

    def error(self, where: str, what: str) -> ElfError:
        """An error that names the place."""
        return ElfError(f"{self.name}: {where}: {what}")

    def read(self, address: int, size: int, where: str) -> bytes:
        """Bytes of any segment. Raises `ElfError`."""
        for segment in self._segments:
            if segment.address <= address and address + size <= segment.end:
                at = address - segment.address
                found = segment.content[at : at + size]
                return found + bytes(size - len(found))
        raise self.error(where, f"{size} bytes at {address:#x} are no memory of the card")

    def check_writable(self, address: int, size: int, where: str) -> None:
        """Raise `ElfError` unless the card could store there."""
        for segment in self._segments:
            if segment.writable and segment.address <= address and address + size <= segment.end:
                return
        raise self.error(where, f"{size} bytes at {address:#x} are not in the card's data")

    def function(self, word: int, where: str) -> int:
        """The function the word at `word` leads to; 0 when there is none. Raises `ElfError`."""
        address = int.from_bytes(self.read(word, 4, where), "little")
        for segment in self._segments:
            if segment.executable and segment.address <= address < segment.end:
                return address
        if address:
            raise self.error(where, f"{address:#x} is no code of the card")
        return 0

    def string(self, address: int, most: int, where: str) -> str:
        """A C string of at most `most` bytes, printable ASCII. Raises `ElfError`."""
        for segment in self._segments:
            if segment.address <= address < segment.end:
                found = self.read(address, min(most + 1, segment.end - address), where)
                text, end, _ = found.partition(b"\0")
                if not end:
                    raise self.error(where, f"no end within {most} bytes of {address:#x}")
                return self.text(text, where)
        raise self.error(where, f"{address:#x} is no memory of the card")

    def text(self, found: bytes, where: str) -> str:
        """Bytes as text. Raises `ElfError` when it is not printable ASCII."""
        try:
            text = found.decode("ascii")
        except UnicodeDecodeError:
            text = "\0"
        if not text.isprintable():
            raise self.error(where, f"{found[:32]!r} is no printable text")
        return text
