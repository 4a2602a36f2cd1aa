"""Binary layouts as classes: annotations are the fields, in order, little endian, packed.

    class Fd(Record):
        \"\"\"One open descriptor.\"\"\"
        pid: Annotated[U32, "the process"] = 0

From such a class come the Python codec (`layout_of`), the C header and the tables of the document,
so none of them can disagree with another.
"""

import functools
import struct
import zlib
from collections.abc import Iterator
from operator import attrgetter
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_args, get_type_hints

import msgspec

from hotswap.bus.choice import Choice


class Bits(Choice):
    """A Choice whose members are bits, which may be combined."""


class Word(NamedTuple):
    """How one field is stored: the code of the struct module, the C type, the C array length.

    `in_hex` says how people want to read it.
    """

    code: str
    c_type: str
    length: int = 0
    in_hex: bool = False

    @property
    def is_text(self) -> bool:
        """A char array: NUL padded, so the padding is not part of the value."""
        return self.c_type == "char"


U8 = Annotated[int, Word("B", "uint8_t")]
U16 = Annotated[int, Word("H", "uint16_t")]
U32 = Annotated[int, Word("I", "uint32_t")]
U64 = Annotated[int, Word("Q", "uint64_t")]
X16 = Annotated[int, Word("H", "uint16_t", in_hex=True)]
X32 = Annotated[int, Word("I", "uint32_t", in_hex=True)]
X64 = Annotated[int, Word("Q", "uint64_t", in_hex=True)]
Text16 = Annotated[bytes, Word("16s", "char", 16)]
Text32 = Annotated[bytes, Word("32s", "char", 32)]
Bytes16 = Annotated[bytes, Word("16s", "uint8_t", 16)]
Bytes32 = Annotated[bytes, Word("32s", "uint8_t", 32)]
Bytes108 = Annotated[bytes, Word("108s", "uint8_t", 108)]
Bytes512 = Annotated[bytes, Word("512s", "uint8_t", 512)]


class Record(msgspec.Struct, kw_only=True):
    """A packed record; its subclasses are the tables of the schema."""

    extra: bytes = b""  # what a later minor version appended; kept, not understood


class Field(NamedTuple):
    """One field of a layout; `offset` and `size` in bytes."""

    name: str
    word: Word
    offset: int
    size: int
    doc: str
    choices: type[Choice] | None
    nested: type[Record] | None

    def show(self, value: Any) -> str:
        """A value of this field as people read it; long byte strings by length and checksum."""
        if self.choices is not None:
            return show_choice(self.choices, value)
        if isinstance(value, int):
            return f"{value:#x}" if self.word.in_hex else str(value)
        if self.word.is_text:
            return printable(value)
        return show_bytes(value)


R = TypeVar("R", bound=Record)


def show_choice(choices: type[Choice], value: int) -> str:
    """The name of a choice, those of bits joined by +; the number when it has none."""
    if not issubclass(choices, Bits):
        names = {int(choice): choice.name.lower() for choice in choices}
        return names.get(value, str(value))
    names = {int(bit): bit.name.lower() for bit in choices if value & bit}
    if rest := value & ~sum(names):
        names[rest] = f"{rest:#x}"
    return "+".join(names.values()) or "0"


def printable(value: bytes) -> str:
    """Text of a guest, fit for a terminal: what is not printable ASCII is escaped."""
    return value.decode("latin-1").encode("unicode_escape").decode("ascii")


def show_bytes(value: bytes) -> str:
    """Bytes as people read them: in hexadecimal, long ones by length and checksum."""
    if not any(value):
        return "0"
    if len(value) <= 16:
        return value.hex()
    return f"{len(value)} bytes, CRC-32 {zlib.crc32(value):#010x}"


def key_text(record: Record, key: tuple[str, ...]) -> str:
    """The fields that tell a record apart, as `name value name value`."""
    fields = {field.name: field for field in layout_of(type(record)).fields}
    return " ".join(f"{name} {fields[name].show(getattr(record, name))}" for name in key)


class Layout(Generic[R]):
    """The codec of one record class: `size` bytes, `fields` in order."""

    def __init__(self, record: type[R]) -> None:
        self.record = record
        self.fields = tuple(_fields(record))
        self._struct = struct.Struct("<" + "".join(field.word.code for field in self.fields))
        self.size = self._struct.size
        values = attrgetter(*(field.name for field in self.fields))
        self._values = values if len(self.fields) > 1 else lambda record: (values(record),)
        self._special = [
            (index, field)
            for index, field in enumerate(self.fields)
            if field.nested or field.word.is_text
        ]

    def unpack(self, data: bytes | memoryview) -> R:
        """Decode one record; what `data` lacks is read as zeros, what it has more is `extra`."""
        if len(data) < self.size:
            data = bytes(data) + bytes(self.size - len(data))
        record = self._make(self._struct.unpack_from(data))
        record.extra = bytes(data[self.size :])
        return record

    def unpack_all(self, data: memoryview, rec_size: int) -> list[R]:
        """Decode records of `rec_size` bytes each that fill `data`."""
        if rec_size == self.size:
            return [self._make(values) for values in self._struct.iter_unpack(data)]
        return [self.unpack(data[at : at + rec_size]) for at in range(0, len(data), rec_size)]

    def _make(self, values: tuple[Any, ...]) -> R:
        if not self._special:
            return self.record(*values)
        decoded = list(values)
        for index, field in self._special:
            if field.nested:
                decoded[index] = layout_of(field.nested).unpack(decoded[index])
            else:
                decoded[index] = decoded[index].rstrip(b"\0")
        return self.record(*decoded)

    def pack(self, record: R) -> bytes:
        """Encode without `extra`; raises struct.error when a value does not fit its field."""
        if not self._special:
            return self._struct.pack(*self._values(record))
        values: list[Any] = list(self._values(record))
        for index, field in self._special:
            if field.nested:
                values[index] = layout_of(field.nested).pack(values[index])
        return self._struct.pack(*values)


def layout_of(record: type[R]) -> Layout[R]:
    """The layout of a record class (worked out once)."""
    return _layout(record)


@functools.cache
def _layout(record: type[Any]) -> Layout[Any]:
    return Layout(record)


@functools.cache
def blob_fields(record: type[Record]) -> tuple[str, ...]:
    """What a record names in BLOB: `path` when it has path_off and path_len."""
    names = {field.name for field in layout_of(record).fields}
    offsets = [
        name.removesuffix("_off") for name in record.__struct_fields__ if name[-4:] == "_off"
    ]
    return tuple(name for name in offsets if f"{name}_len" in names)


def _fields(record: type[Record]) -> Iterator[Field]:
    offset = 0
    hints = get_type_hints(record, include_extras=True)
    for name in record.__struct_fields__:
        base, *notes = get_args(hints[name]) or (hints[name],)
        doc = next((note for note in notes if isinstance(note, str)), "")
        word = next((note for note in notes if isinstance(note, Word)), None)
        choices = next(
            (note for note in notes if isinstance(note, type) and issubclass(note, Choice)), None
        )
        nested = base if issubclass(base, Record) else None
        if nested:
            word = Word(f"{layout_of(nested).size}s", "struct")
        if word is None:
            continue  # not stored in the fixed part of the record
        size = struct.calcsize("<" + word.code)
        yield Field(name, word, offset, size, doc, choices, nested)
        offset += size
