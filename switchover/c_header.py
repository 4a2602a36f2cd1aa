"""The C side of the schema: writes examples/refkernel/include/ssm.h and what it includes.

    python -m hotswap.switchover.c_header examples/refkernel/include

Constants are macros, so assembly can include the header too; records are packed structs with a
static assertion of their size. The reader and the writer are plain C beside the output.
"""

import inspect
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from hotswap.bus.choice import Choice
from hotswap.cards import mailbox
from hotswap.cards import switchover as card

from . import protocol, records, schema
from .faults import Fault
from .layout import Field, Record, layout_of

_C_NAMES: dict[type[Record], str] = {schema.Header: "hdr", schema.SectionEntry: "sect"}

_Choices = tuple[tuple[str, type[Choice]], ...]

_MAP: _Choices = (
    ("SSM_", schema.SectionType),
    ("SSM_SECTION_", schema.SectionFlag),
    ("SSM_FEATURE_", schema.Feature),
    ("SSM_E_", Fault),
)
_VALUES: _Choices = (
    ("SSM_STATE_", records.ProcState),
    ("SSM_WAIT_", records.WaitKind),
    ("SSM_TASK_", records.WaitFlag),
    ("SSM_RESTART_", records.RestartFlag),
    ("SSM_XSTATE_", records.XstateKind),
    ("SSM_PROT_", records.Protection),
    ("SSM_VMA_", records.VmaKind),
    ("SSM_FRAME_", records.FrameKind),
    ("SSM_FILE_", records.FileKind),
    ("SSM_PIPE_", records.PipeFlag),
    ("SSM_TTY_", records.TtyFlag),
    ("SSM_LOCK_", records.LockKind),
    ("SSM_LOCK_", records.LockType),
    ("SSM_TIMER_", records.TimerKind),
    ("SSM_DEV_", records.DevPolicy),
)
_PROTOCOL: _Choices = (
    ("SSM_FUNC_", protocol.BootFunc),
    ("SSM_MODE_", protocol.BootMode),
    ("SSM_SOURCE_", protocol.RecorderSource),
    ("SC_", card.Register),
    ("SC_CMD_", mailbox.Command),
    ("SC_ACK_", mailbox.Ack),
    ("SC_REASON_", protocol.Reason),
    ("SC_ARG_", card.Argument),
)
_MAP_CONSTANTS = (
    ("SSM_MAGIC", schema.MAGIC, "'KSSM', also EAX at a switchover's entry"),
    ("SSM_MAJOR", schema.MAJOR, ""),
    ("SSM_MINOR", schema.MINOR, ""),
    ("SSM_SECTIONS_MAX", schema.SECTIONS_MAX, "entries of the section table"),
)
_PROTOCOL_CONSTANTS = (
    ("SSM_RECORDER_PA", protocol.RECORDER_PA, "flight recorder"),
    ("SSM_RECORDER_ENTRIES", protocol.RECORDER_ENTRIES, "of 8 bytes; entry 0 is its head"),
    ("SSM_BOOT_PA", protocol.BOOT_PA, "struct ssm_boot"),
    ("SSM_BOOTSTRAP_STACK", protocol.BOOTSTRAP_STACK, "grows down"),
    ("SSM_BOOTSTRAP_PA", protocol.BOOTSTRAP_LO, "where SWITCH jumps to"),
    ("SSM_BOOTSTRAP_END", protocol.BOOTSTRAP_HI, ""),
    ("SSM_KERNEL_LO", protocol.KERNEL_LO, "both kernels are linked here"),
    ("SSM_KERNEL_END", protocol.KERNEL_HI, "and end below this"),
    ("SSM_NOTE_TYPE", protocol.NOTE_TYPE, "of the ELF note named LKUS"),
    ("SSM_CAPS_MAGIC", protocol.CAPS_MAGIC, "'KCAP'"),
    ("SC_BASE", card.CARD_BASE, "default first port"),
    ("SC_IRQ", card.CARD_IRQ, ""),
    ("SC_ID_VALUE", card.CARD_ID, "'LKU1'"),
)
_MAP_RECORDS: tuple[type[Record], ...] = (schema.Header, schema.SectionEntry)
_RECORDS: tuple[type[Record], ...] = (
    records.Regs,
    *(kind.record for kind in schema.KINDS.values() if kind.record is not records.Blob),
)
_PROTOCOL_RECORDS = (
    protocol.Boot,
    protocol.SectionCap,
    protocol.DriverCap,
    protocol.Note,
    protocol.Caps,
    protocol.RecorderHead,
)


def c_headers() -> dict[str, str]:
    """The text of each header, by its file name."""
    return {
        "ssm.h": _text("SSM_H", "the container", _container()),
        "ssm_values.h": _text("SSM_VALUES_H", "values of fields", _enumerations(_VALUES)),
        "ssm_records.h": _text("SSM_RECORDS_H", "the records of the sections", _sections()),
        "ssm_protocol.h": _text(
            "SSM_PROTOCOL_H", "what host, kernels and bootstrap say to each other", _protocol()
        ),
    }


def c_name(record: type[Record]) -> str:
    """The tag of a record's C struct."""
    return "ssm_" + _C_NAMES.get(record, record.__name__.lower())


def _text(guard: str, what: str, lines: Iterable[str]) -> str:
    front = (
        f"/* Save State Map {schema.MAJOR}.{schema.MINOR}: {what}. Little endian, packed.",
        " * Generated from switchover/schema.py, records*.py and protocol.py by",
        " * `python -m hotswap.switchover.c_header FOLDER`: change these, not this file. */",
        f"#ifndef {guard}",
        f"#define {guard}",
    )
    return "\n".join((*front, *lines, "#endif", ""))


def _container() -> Iterator[str]:
    yield ""
    for name, value, doc in _MAP_CONSTANTS:
        yield _define(name, value, doc)
    yield from _enumerations(_MAP)
    yield "#ifndef __ASSEMBLER__"
    yield "#include <stdint.h>"
    yield ""
    yield "/* records may stand anywhere in a map, which is bytes to the compiler */"
    yield "#define SSM_PACKED __attribute__((packed, may_alias))"
    yield ""
    for record in _MAP_RECORDS:
        yield from _struct(record)
    yield "#endif /* __ASSEMBLER__ */"
    yield ""
    yield '#include "ssm_values.h"'
    yield '#include "ssm_protocol.h"'
    yield "#ifndef __ASSEMBLER__"
    yield '#include "ssm_records.h"'
    yield '#include "ssm_read.h"'
    yield '#include "ssm_write.h"'
    yield "#endif /* __ASSEMBLER__ */"
    yield ""


def _enumerations(choices: _Choices) -> Iterator[str]:
    yield ""
    for prefix, kind in choices:
        yield f"/* {kind.__doc__} */"
        for choice in kind:
            yield _define(prefix + choice.name, choice.value, choice.doc)
        yield ""


def _protocol() -> Iterator[str]:
    yield ""
    for name, value, doc in _PROTOCOL_CONSTANTS:
        yield _define(name, value, doc)
    yield from _enumerations(_PROTOCOL)
    yield "/* Offsets in struct ssm_boot, for assembly */"
    for field in layout_of(protocol.Boot).fields:
        yield _define(f"SSM_BOOT_OFF_{field.name.upper()}", field.offset, field.doc)
    yield ""
    yield "#ifndef __ASSEMBLER__"
    for record in _PROTOCOL_RECORDS:
        yield from _struct(record)
    yield "#endif /* __ASSEMBLER__ */"
    yield ""


def _sections() -> Iterator[str]:
    yield ""
    for record in _RECORDS:
        yield from _struct(record)
    yield from _known()
    yield ""


def _define(name: str, value: int, doc: str) -> str:
    number = f"{value:#x}" if value > 255 else str(int(value))
    line = f"#define {name:<24} {number}"
    return f"{line:<40} /* {doc} */" if doc else line


def _struct(record: type[Record]) -> Iterator[str]:
    layout = layout_of(record)
    tag = c_name(record)
    yield "/* " + inspect.cleandoc(record.__doc__ or "").replace("\n", "\n * ") + " */"
    yield f"struct SSM_PACKED {tag} {{ /* {layout.size} bytes */"
    for field in layout.fields:
        line = f"    {_declaration(field)};"
        yield f"{line:<32} /* {field.offset:02x} {_comment(field)} */".replace("  */", " */")
    yield "};"
    yield f'_Static_assert(sizeof(struct {tag}) == {layout.size}, "{tag}");'
    yield ""


def _declaration(field: Field) -> str:
    c_type = f"struct {c_name(field.nested)}" if field.nested else field.word.c_type
    array = f"[{field.word.length}]" if field.word.length else ""
    return f"{c_type} {field.name}{array}"


def _comment(field: Field) -> str:
    doc = field.doc
    if field.choices:
        values = ", ".join(f"{int(value)} {value.name.lower()}" for value in field.choices)
        if len(field.choices) > 8:
            values = next(
                f"one of {prefix}..." for prefix, kind in (*_VALUES, *_MAP) if kind is field.choices
            )
        doc = f"{doc}: {values}" if doc else values
    return doc


def _known() -> Iterator[str]:
    yield "/* What this version knows of the sections, by type; size 0: nothing */"
    yield "struct ssm_kind { uint16_t size, least, flags; uint8_t has_data, since; };"
    yield f"#define SSM_TYPE_MAX {max(schema.KINDS)}"
    yield "static const struct ssm_kind ssm_kinds[SSM_TYPE_MAX + 1] = {"
    for kind in schema.KINDS.values():
        numbers = f"{kind.size}, {kind.least}, {kind.flags}, {int(kind.has_data)}, {kind.since}"
        yield f"    [SSM_{kind.section.name}] = {{ {numbers} }},"
    yield "};"
    yield ""
    yield "/* The same as struct ssm_sectioncap, for a kernel's note and capabilities */"
    yield f"#define SSM_SECTION_COUNT {len(schema.KINDS)}"
    rows = [
        f"    {{ SSM_{kind.section.name}, 1, {kind.since}, {kind.flags} }}"
        for kind in schema.KINDS.values()
    ]
    yield "#define SSM_SECTION_CAPS \\\n" + ", \\\n".join(rows)


def write_headers(folder: Path) -> None:
    """Write every header into a folder."""
    for name, text in c_headers().items():
        (folder / name).write_text(text)


if __name__ == "__main__":
    write_headers(Path(sys.argv[1]))
