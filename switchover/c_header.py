"""The C side of the schema: prints examples/refkernel/include/ssm.h.

    python -m hotswap.switchover.c_header > examples/refkernel/include/ssm.h

Constants are macros, so assembly can include the header too; records are packed structs with a
static assertion of their size. The reader and the writer are plain C beside the output.
"""

from collections.abc import Iterator

from hotswap.bus.choice import Choice
from hotswap.cards import mailbox
from hotswap.cards import switchover as card

from . import protocol, records, schema
from .faults import Fault
from .layout import Field, Record, layout_of

_C_NAMES: dict[type[Record], str] = {schema.Header: "hdr", schema.SectionEntry: "sect"}

_CHOICES: tuple[tuple[str, type[Choice]], ...] = (
    ("SSM_", schema.SectionType),
    ("SSM_SECTION_", schema.SectionFlag),
    ("SSM_FEATURE_", schema.Feature),
    ("SSM_STATE_", records.ProcState),
    ("SSM_WAIT_", records.WaitKind),
    ("SSM_PROT_", records.Protection),
    ("SSM_VMA_", records.VmaKind),
    ("SSM_FRAME_", records.FrameKind),
    ("SSM_FILE_", records.FileKind),
    ("SSM_TIMER_", records.TimerKind),
    ("SSM_E_", Fault),
    ("SSM_FUNC_", protocol.BootFunc),
    ("SSM_MODE_", protocol.BootMode),
    ("SSM_SOURCE_", protocol.RecorderSource),
    ("SC_", card.Register),
    ("SC_CMD_", mailbox.Command),
    ("SC_ACK_", mailbox.Ack),
    ("SC_REASON_", protocol.Reason),
    ("SC_ARG_", card.Argument),
)

_CONSTANTS = (
    ("SSM_MAGIC", schema.MAGIC, "'KSSM', also EAX at a switchover's entry"),
    ("SSM_MAJOR", schema.MAJOR, ""),
    ("SSM_MINOR", schema.MINOR, ""),
    ("SSM_SECTIONS_MAX", schema.SECTIONS_MAX, "entries of the section table"),
    ("SSM_RECORDER_PA", protocol.RECORDER_PA, "flight recorder"),
    ("SSM_RECORDER_ENTRIES", protocol.RECORDER_ENTRIES, "of 8 bytes; entry 0 is its head"),
    ("SSM_BOOT_PA", protocol.BOOT_PA, "struct ssm_boot"),
    ("SSM_BOOTSTRAP_STACK", protocol.BOOTSTRAP_STACK, "grows down"),
    ("SSM_BOOTSTRAP_PA", protocol.BOOTSTRAP_LO, "where SWITCH jumps to"),
    ("SSM_BOOTSTRAP_END", protocol.BOOTSTRAP_HI, ""),
    ("SSM_KERNEL_LO", protocol.KERNEL_LO, "both kernels are linked here"),
    ("SSM_KERNEL_END", protocol.KERNEL_HI, "and end below this"),
    ("SSM_NOTE_TYPE", protocol.NOTE_TYPE, "of the ELF note named LKUS"),
    ("SC_BASE", card.CARD_BASE, "default first port"),
    ("SC_IRQ", card.CARD_IRQ, ""),
    ("SC_ID_VALUE", card.CARD_ID, "'LKU1'"),
)

_RECORDS: tuple[type[Record], ...] = (
    schema.Header,
    schema.SectionEntry,
    records.Regs,
    *(kind.record for kind in schema.KINDS.values() if kind.record is not records.Blob),
    protocol.Boot,
    protocol.Note,
    protocol.RecorderHead,
)


def c_header() -> str:
    """The text of ssm.h."""
    return "\n".join(_lines()) + "\n"


def c_name(record: type[Record]) -> str:
    """The tag of a record's C struct."""
    return "ssm_" + _C_NAMES.get(record, record.__name__.lower())


def _lines() -> Iterator[str]:
    yield f"/* Save State Map {schema.MAJOR}.{schema.MINOR}: layout. Little endian, packed."
    yield " * Generated from switchover/schema.py and switchover/protocol.py by"
    yield " * `python -m hotswap.switchover.c_header`: change these, not this file. */"
    yield "#ifndef SSM_H"
    yield "#define SSM_H"
    yield ""
    for name, value, doc in _CONSTANTS:
        yield _define(name, value, doc)
    for prefix, choices in _CHOICES:
        yield ""
        yield f"/* {choices.__doc__} */"
        for choice in choices:
            yield _define(prefix + choice.name, choice.value, choice.doc)
    yield ""
    yield "/* Offsets in struct ssm_boot, for assembly */"
    for field in layout_of(protocol.Boot).fields:
        yield _define(f"SSM_BOOT_OFF_{field.name.upper()}", field.offset, field.doc)
    yield ""
    yield "#ifndef __ASSEMBLER__"
    yield "#include <stdint.h>"
    yield ""
    yield "/* records may stand anywhere in a map, which is bytes to the compiler */"
    yield "#define SSM_PACKED __attribute__((packed, may_alias))"
    for record in _RECORDS:
        yield ""
        yield from _struct(record)
    yield ""
    yield from _known()
    yield ""
    yield '#include "ssm_read.h"'
    yield '#include "ssm_write.h"'
    yield "#endif /* __ASSEMBLER__ */"
    yield "#endif /* SSM_H */"


def _define(name: str, value: int, doc: str) -> str:
    number = f"{value:#x}" if value > 255 else str(int(value))
    line = f"#define {name:<24} {number}"
    return f"{line:<40} /* {doc} */" if doc else line


def _struct(record: type[Record]) -> Iterator[str]:
    layout = layout_of(record)
    tag = c_name(record)
    yield f"/* {record.__doc__} */"
    yield f"struct SSM_PACKED {tag} {{ /* {layout.size} bytes */"
    for field in layout.fields:
        line = f"    {_declaration(field)};"
        yield f"{line:<32} /* {field.offset:02x} {_comment(field)} */".replace("  */", " */")
    yield "};"
    yield f'_Static_assert(sizeof(struct {tag}) == {layout.size}, "{tag}");'


def _declaration(field: Field) -> str:
    c_type = f"struct {c_name(field.nested)}" if field.nested else field.word.c_type
    array = f"[{field.word.length}]" if field.word.length else ""
    return f"{c_type} {field.name}{array}"


def _comment(field: Field) -> str:
    doc = field.doc
    if field.choices:
        values = ", ".join(f"{int(value)} {value.name.lower()}" for value in field.choices)
        doc = f"{doc}: {values}" if doc else values
    return doc


def _known() -> Iterator[str]:
    yield "/* What this version knows of the sections, by type; size 0: nothing */"
    yield "struct ssm_kind { uint16_t size, least, flags; uint8_t has_data; };"
    yield f"#define SSM_TYPE_MAX {max(schema.KINDS)}"
    yield "static const struct ssm_kind ssm_kinds[SSM_TYPE_MAX + 1] = {"
    for kind in schema.KINDS.values():
        numbers = f"{kind.size}, {kind.least}, {kind.flags}, {int(kind.has_data)}"
        yield f"    [SSM_{kind.section.name}] = {{ {numbers} }},"
    yield "};"


if __name__ == "__main__":
    print(c_header(), end="")
