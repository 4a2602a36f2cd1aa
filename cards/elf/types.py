"""What a card's variables are made of, from its debug information: where their pointers are.

DWARF version 5, chapter 5. Two builds fit each other when their variables have the same shape:
members with the same names, places and kinds.
"""

from __future__ import annotations

from typing import Any

import msgspec

from .dwarf import TREE_READS, UNREADABLE, Budget, Tree, open_dwarf
from .image import ElfImage

DEPTH_MAX = 24
SPOTS_MAX = 1 << 18
"""Types and pointers of all variables."""
SHAPE_MAX = 1 << 16
"""Characters of a shape."""
_OP_ADDR, _OP_ADDRX = 0x03, 0xA1
_THROUGH = {
    "DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_restrict_type",
    "DW_TAG_atomic_type",
}  # fmt: skip


class Shape(msgspec.Struct, frozen=True):
    """A type: `text` is the same for the same shape; pointers are at `pointers`.

    What is between the two numbers of each of `mixed` may be a pointer or something else: a union.
    """

    text: str
    size: int
    pointers: tuple[int, ...] = ()
    mixed: tuple[tuple[int, int], ...] = ()


class _TooMuch(ValueError):
    """The type is larger than anybody's."""


def shapes(image: ElfImage) -> dict[int, Shape]:
    """The shapes of the variables whose type can be told, by address."""
    dwarf = open_dwarf(image, Budget(TREE_READS))
    if dwarf is None:
        return {}
    found: dict[int, Shape] = {}
    tree = Tree(dwarf)
    reader = _Reader(tree)
    for entry in tree.entries.values():
        if entry.tag != "DW_TAG_variable":
            continue
        try:
            address = _address(entry, dwarf)
            if address is not None and (shape := reader.shape(reader.type(entry))) is not None:
                found[address] = shape
        except UNREADABLE:
            continue
    return found


def _address(entry: Any, dwarf: Any) -> int | None:
    location = entry.attributes.get("DW_AT_location")
    if location is None or not isinstance(location.value, list) or not location.value:
        return None
    operation, *rest = location.value
    if operation == _OP_ADDR and len(rest) == 4:
        return int.from_bytes(bytes(rest), "little")
    if operation == _OP_ADDRX and rest:
        number = shift = 0
        for byte in rest:
            number |= (byte & 0x7F) << shift
            shift += 7
        return int(dwarf.get_addr(entry.cu, number))
    return None


class _Reader:
    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._left = SPOTS_MAX

    def type(self, entry: Any) -> Any:
        """The entry of its type, or None; its declaration may have it instead."""
        for name in ("DW_AT_specification", "DW_AT_abstract_origin"):
            if "DW_AT_type" not in entry.attributes and name in entry.attributes:
                entry = self._tree.referred(entry, name) or entry
        return self._tree.referred(entry, "DW_AT_type")

    def shape(self, entry: Any, depth: int = 0) -> Shape | None:
        """None when the type is incomplete."""
        self._left -= 1
        if depth > DEPTH_MAX or self._left < 0:
            raise _TooMuch
        if entry is None:
            return None
        if entry.tag in _THROUGH:
            return self.shape(self.type(entry), depth + 1)
        size = self._number(entry, "DW_AT_byte_size")
        match entry.tag:
            case "DW_TAG_base_type":
                return Shape(f"{self._number(entry, 'DW_AT_encoding')}.{size}", size or 0)
            case "DW_TAG_enumeration_type":
                return Shape(f"enum.{size}", size or 0)
            case "DW_TAG_pointer_type" | "DW_TAG_reference_type":
                return Shape("*", 4, (0,))
            case "DW_TAG_array_type":
                return self._array(entry, depth)
            case "DW_TAG_structure_type" | "DW_TAG_class_type":
                return self._members(entry, size, depth, union=False)
            case "DW_TAG_union_type":
                return self._members(entry, size, depth, union=True)
        return None

    @staticmethod
    def _number(entry: Any, name: str) -> int | None:
        attribute = entry.attributes.get(name)
        return attribute.value if attribute and isinstance(attribute.value, int) else None

    def _array(self, entry: Any, depth: int) -> Shape | None:
        item = self.shape(self.type(entry), depth + 1)
        if item is None:
            return None
        for child in reversed(self._tree.children(entry)):
            if child.tag != "DW_TAG_subrange_type":
                continue
            count = self._number(child, "DW_AT_count")
            last = self._number(child, "DW_AT_upper_bound")
            count = count if count is not None else 0 if last is None else last + 1
            many = max(1, len(item.pointers) + len(item.mixed))
            self._left -= count * many if item.pointers or item.mixed else 0
            if count < 0 or self._left < 0:
                raise _TooMuch
            starts = range(0, count * item.size, item.size) if item.size else range(0)
            spots = starts if item.pointers or item.mixed else ()
            item = Shape(
                f"{item.text}[{count}]",
                item.size * count,
                tuple(at + pointer for at in spots for pointer in item.pointers),
                tuple((at + first, at + end) for at in spots for first, end in item.mixed),
            )
        return item

    def _members(self, entry: Any, size: int | None, depth: int, *, union: bool) -> Shape | None:
        if size is None:
            return None  # declared only
        texts, pointers, mixed = [], list[int](), list[tuple[int, int]]()
        length = 0
        for child in self._tree.children(entry):
            if child.tag not in {"DW_TAG_member", "DW_TAG_inheritance"}:
                continue
            shape = self.shape(self.type(child), depth + 1)
            if shape is None:
                return None
            at = self._number(child, "DW_AT_data_member_location") or 0
            bit = self._number(child, "DW_AT_data_bit_offset")
            bits = self._number(child, "DW_AT_bit_size")
            name = child.attributes.get("DW_AT_name")
            title = name.value.decode("utf-8", "replace") if name is not None else ""
            texts.append(f"{title}@{at}{f':{bit}/{bits}' if bits else ''} {shape.text}")
            length += len(texts[-1]) + 2
            if length > SHAPE_MAX:
                raise _TooMuch
            pointers += [at + pointer for pointer in shape.pointers]
            mixed += [(at + first, at + end) for first, end in shape.mixed]
        if union and (pointers or mixed):
            pointers, mixed = [], [(0, size)]
        text = f"{'union' if union else 'struct'}.{size}{{{', '.join(texts)}}}"
        return Shape(text, size, tuple(pointers), tuple(mixed))
