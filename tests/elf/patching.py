"""An object file with something in it changed, by the names of its tables."""

import struct
from pathlib import Path

SAMPLE = Path(__file__).parents[2] / "host" / "guests" / "sample-card.o"
SECTION_FIELDS = (
    "name", "type", "flags", "addr", "offset", "size", "link", "info", "addralign", "entsize",
)  # fmt: skip
SYMBOL_FIELDS = {
    "name": (0, 4), "value": (4, 4), "size": (8, 4), "info": (12, 1), "section": (14, 2),
}  # fmt: skip


class Patch:
    """The sample card, to be changed; `content` is what it is now."""

    def __init__(self, path: Path = SAMPLE) -> None:
        self.content = bytearray(path.read_bytes())
        self._table = int.from_bytes(self.content[32:36], "little")
        self._count = int.from_bytes(self.content[48:50], "little")
        self._names = int.from_bytes(self.content[50:52], "little")

    def put(self, at: int, value: int | bytes, size: int = 4) -> None:
        """Store there."""
        content = value if isinstance(value, bytes) else value.to_bytes(size, "little")
        self.content[at : at + len(content)] = content

    def head(self, index: int, field: str) -> int:
        """A field of a section header."""
        at = self._table + 40 * index + 4 * SECTION_FIELDS.index(field)
        return int(struct.unpack_from("<I", self.content, at)[0])

    def index(self, name: str) -> int:
        """The section called so."""
        strings = self.head(self._names, "offset")
        for index in range(self._count):
            at = strings + self.head(index, "name")
            if self.content[at : self.content.index(b"\0", at)] == name.encode():
                return index
        raise KeyError(name)

    def section(self, name: str, /, **fields: int) -> None:
        """Change fields of a section header."""
        for field, value in fields.items():
            at = self._table + 40 * self.index(name) + 4 * SECTION_FIELDS.index(field)
            self.put(at, value)

    def inside(self, name: str, offset: int, value: int | bytes, size: int = 4) -> None:
        """Change the content of a section."""
        self.put(self.head(self.index(name), "offset") + offset, value, size)

    def replace(self, name: str, content: bytes) -> None:
        """Other content for a section, at the end of the file; its relocations are no more."""
        self.section(name, offset=len(self.content), size=len(content))
        self.content += content
        if (relocations := self.find(f".rel{name}")) is not None:
            self.put(self._table + 40 * relocations + 4, 1)  # SHT_PROGBITS

    def find(self, name: str) -> int | None:
        """The section called so, if there is one."""
        try:
            return self.index(name)
        except KeyError:
            return None

    def symbol_offset(self, name: str) -> int:
        """Where the symbol is, in .symtab."""
        table, strings = self.index(".symtab"), self.head(self.index(".strtab"), "offset")
        start, size = self.head(table, "offset"), self.head(table, "size")
        for at in range(start, start + size, 16):
            found = strings + int.from_bytes(self.content[at : at + 4], "little")
            if self.content[found : self.content.index(b"\0", found)] == name.encode():
                return at
        raise KeyError(name)

    def symbol(self, name: str, /, **fields: int) -> None:
        """Change fields of a symbol."""
        start = self.symbol_offset(name)
        for field, value in fields.items():
            at, size = SYMBOL_FIELDS[field]
            self.put(start + at, value, size)

    def rename(self, name: str, other: str) -> None:
        """Another name for a symbol, as long as its own."""
        assert len(name) == len(other)
        strings = self.head(self.index(".strtab"), "offset")
        at = self.content.index(b"\0" + name.encode() + b"\0", strings) + 1
        self.put(at, other.encode())

    def relocation(self, section: str, number: int, **fields: int) -> None:
        """Change `offset`, `type` or `symbol` of a relocation."""
        at = self.head(self.index(f".rel{section}"), "offset") + 8 * number
        for field, value in fields.items():
            match field:
                case "offset":
                    self.put(at, value)
                case "type":
                    self.put(at + 4, value, 1)
                case _:
                    self.put(at + 5, value, 3)
