"""Files and lines of a card's code, from the line programs of its debug information.

DWARF version 5, 6.2. A report is made in the bus cycle that faulted, while the guest stands still:
what takes longer than that is worth is left out, see LINES_MAX.
"""

from __future__ import annotations

from typing import Any

from elftools.common.exceptions import DWARFError
from elftools.common.utils import struct_parse
from elftools.dwarf.enums import DW_FORM_raw2name

from .dwarf import UNREADABLE, Budget, check_attributes, open_dwarf, units
from .image import ElfImage
from .shown import shown

LINES_MAX = 12_000
"""Bytes of the line programs of all units. The largest of the examples has 2,300."""
LINE_READS = 50_000
"""Reads of the debug sections for a report."""
FILE_MAX = 512 << 10
"""Bytes of an object whose lines are looked for."""
_NAME_MAX = 256


class Lines:
    """Files and lines by address; none of a program that is larger than what is left of LINES_MAX.

    It takes some 200 ms at most, whatever the object is.
    """

    def __init__(self, image: ElfImage) -> None:
        self._rows: list[tuple[int, int, str, int]] = []
        """First address, end, file, line."""
        self._left = LINES_MAX
        if len(image.content) > FILE_MAX:
            return
        budget = Budget(LINE_READS)
        dwarf = open_dwarf(image, budget)
        for unit in () if dwarf is None else units(dwarf):
            try:
                self._read(dwarf, unit)
            except UNREADABLE:
                continue
        self._rows.sort()

    def _read(self, dwarf: Any, unit: Any) -> None:
        check_attributes(unit, unit.cu_die_offset)
        start = unit.get_top_DIE().attributes.get("DW_AT_stmt_list")
        if start is None:
            return
        _check_names(unit, dwarf.debug_line_sec.stream, start.value)
        program = dwarf.line_program_for_CU(unit)
        size = program.program_end_offset - program.program_start_offset
        if size > self._left:
            return
        self._left -= size
        files = [_name(entry) for entry in program.header["file_entry"]]
        first = 0 if program.header["version"] >= 5 else 1
        before = None
        for entry in program.get_entries():
            state = entry.state
            if state is None:
                continue
            if before is not None and before.address < state.address:
                index = before.file - first
                title = files[index] if 0 <= index < len(files) else ""
                self._rows.append((before.address, state.address, title, before.line))
            before = None if state.end_sequence else state

    def at(self, address: int) -> tuple[str, int]:
        """File and line; empty and 0 when nothing is known."""
        for start, end, file, line in self._rows:
            if start <= address < end:
                return file, line
        return "", 0


def _name(entry: Any) -> str:
    return shown(entry.name[:_NAME_MAX])


def _check_names(unit: Any, stream: Any, at: int) -> None:
    """Raises `DWARFError` when a table of names has entries of no bytes: there may be 2^64."""
    structs = unit.structs
    if structs.dwarf_format != 32:
        raise DWARFError("of a 64-bit program")
    stream.seek(at + 4)
    if int.from_bytes(stream.read(2), "little") < 5:
        return  # each name there takes a byte
    stream.seek(at + 17)
    stream.seek(at + 17 + stream.read(1)[0])  # opcode_base, with a length for each but one
    for _ in ("directories", "files"):
        forms = []
        for _ in range(stream.read(1)[0]):
            struct_parse(structs.the_Dwarf_uleb128, stream)
            form = struct_parse(structs.the_Dwarf_uleb128, stream)
            forms.append(structs.Dwarf_dw_form[DW_FORM_raw2name[form]])
        count = struct_parse(structs.the_Dwarf_uleb128, stream)
        if count and not forms:
            raise DWARFError(f"{count} names of no bytes")
        for _ in range(count):
            for form in forms:
                struct_parse(form, stream)
