"""A map is read and written exactly, by Python and by C, and both see the same fields."""

import ctypes
import random
from collections.abc import Callable, Iterator

import pytest

from hotswap.switchover.c_header import c_name
from hotswap.switchover.container import HEADER, header_crc
from hotswap.switchover.errors import MapError
from hotswap.switchover.faults import Fault
from hotswap.switchover.layout import Record, layout_of
from hotswap.switchover.records import Dev, Proc, Vma
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.schema import KINDS, SectionEntry, SectionKind, SectionType
from hotswap.switchover.validate import check, validate

Compile = Callable[[str], ctypes.CDLL]
MakeMap = Callable[[random.Random], SaveStateMap]


def test_what_was_written_is_read_back(fit_map: SaveStateMap) -> None:
    again = read(write(fit_map))
    for section in SectionType:
        if section is not SectionType.BLOB:
            assert again.records(section) == fit_map.records(section)
    assert again.blob == fit_map.blob
    assert again.header.txn == fit_map.header.txn


def test_a_thousand_random_maps_are_rewritten_byte_for_byte(random_map: MakeMap) -> None:
    chance = random.Random(1)
    for _ in range(1000):
        data = write(random_map(chance))
        assert write(read(data)) == data


def test_what_a_later_minor_added_is_carried_along(fit_map: SaveStateMap) -> None:
    found = read(write(fit_map))
    for entry in found.table:
        if entry.type == SectionType.VMA:
            entry.rec_size += 8
    for number, vma in enumerate(found.vma):
        vma.extra = bytes([number] * 8)
    found.table.insert(2, SectionEntry(0x8001, rec_min=4, rec_size=4, count=1))
    found.unknown = [b"card"]
    found.header.minor = 9
    data = write(found)
    again = validate(data)
    assert again.vma[1].extra == b"\1" * 8
    assert again.vma[1].start == fit_map.vma[1].start
    again.put_device(Dev(9, driver=b"post"), b"state")
    assert read(write(again)).unknown == [b"card"]
    assert write(read(data)) == data


def test_records_are_never_cut(fit_map: SaveStateMap) -> None:
    found = read(write(fit_map))
    found.vma[0].extra = b"newer!!!"
    with pytest.raises(MapError) as caught:
        write(found)
    assert caught.value.code is Fault.REC_SIZE


def test_a_layout_reads_shorter_records_as_if_zeros_followed() -> None:
    whole = layout_of(Vma).pack(Vma(1, 2, 3, 4, 5, 6, 7))
    assert layout_of(Vma).unpack(whole[:12]) == Vma(1, 2, 3)
    assert layout_of(Vma).unpack_all(memoryview(whole[:12] * 2), 12) == [Vma(1, 2, 3)] * 2


def test_the_host_adds_a_card_where_the_kernel_left_room(fit_map: SaveStateMap) -> None:
    found = read(write(fit_map))
    found.put_device(Dev(2, driver=b"pit"), b"\x80")
    again = read(write(found))
    assert [dev.driver for dev in again.dev] == [b"uart", b"pit"]
    assert again.text(again.dev[1].blob_off, again.dev[1].blob_len) == b"\x80"
    assert again.dev[1].blob_off % 8 == 0


def test_a_map_is_completed_without_encoding_the_rest_again(random_map: MakeMap) -> None:
    chance = random.Random(2)
    changed = (SectionType.DEV, SectionType.BLOB)
    for _ in range(300):
        source = write(random_map(chance))
        found = read(source)
        assert write(found, source=source) == source
        found.put_device(Dev(9, driver=b"post"), b"state")
        assert write(found, source=source, changed=changed) == write(found)


def test_sections_of_the_same_bytes_are_decoded_once(random_map: MakeMap) -> None:
    chance = random.Random(3)
    shared = 0
    for _ in range(300):
        known = random_map(chance)
        data = write(known)
        found, other = read(data), random_map(chance)
        for section in (SectionType.VMA, SectionType.FD):  # the others differ
            setattr(other, section.name.lower(), known.records(section))
        found.put_device(Dev(9, driver=b"post"), b"state")  # no longer what was read
        again = read(write(other), (found, data))
        assert again == read(write(other))
        assert again.dev is not found.dev
        shared += again.vma is found.vma
    assert shared > 100


def test_a_map_too_long_for_its_room_is_not_written(fit_map: SaveStateMap) -> None:
    size = len(write(fit_map))
    assert len(write(fit_map, room=size)) == size
    with pytest.raises(MapError, match=f"there is room for {size - 1}"):
        write(fit_map, room=size - 1)


def test_a_value_too_large_names_its_record() -> None:
    with pytest.raises(MapError, match="PROC record 1"):
        write(SaveStateMap(proc=[Proc(1), Proc(1 << 32)]))


def test_the_checksum_of_the_header_leaves_its_own_field_out(fit_map: SaveStateMap) -> None:
    data = write(fit_map)
    assert header_crc(data) == HEADER.unpack(data[:96]).hdr_crc
    assert header_crc(data[:92] + b"\xff" * 4) == header_crc(data)


# C and Python: each writes a map in which every field has its own value, the other reads it by name


def _fields(record: type[Record], prefix: str = "") -> Iterator[tuple[str, int, str]]:
    """(name, bytes, prefix in C) of every number in a record."""
    for field in layout_of(record).fields:
        if field.nested:
            yield from _fields(field.nested, f"{prefix}{field.name}.")
        elif not field.word.length:
            yield prefix + field.name, field.size, prefix


def _numbers(kind: SectionKind) -> dict[str, int]:
    """A value for every field of a record, different from every other."""
    values = {}
    for number, (name, size, _) in enumerate(_fields(kind.record)):
        values[name] = (kind.section * 7 + number + 1) * (1 if size == 1 else 251) % 256**size
    if kind.has_data:
        values["len"] = 5
    return values


def _get(record: object, name: str) -> int:
    for part in name.split("."):
        record = getattr(record, part)
    assert isinstance(record, int)
    return record


_RECORDS = [kind for kind in KINDS.values() if kind.section is not SectionType.BLOB]


def test_python_reads_every_field_c_has_written(compile_c: Compile) -> None:
    sections = []
    for kind in _RECORDS:
        tag = c_name(kind.record)
        lines = [f"r->{name} = {value}u;" for name, value in _numbers(kind).items()]
        extra = 'memcpy(ssm_append_data(&out, 5), "bytes", 5);' if kind.has_data else ""
        sections.append(
            f"ssm_begin_section(&out, SSM_{kind.section.name});"
            f"struct {tag} *r = ssm_append(&out); {' '.join(lines)} {extra} ssm_end_section(&out);"
        )
    body = "\n".join(f"{{ {section} }}" for section in sections)
    library = compile_c(f"""
        #include <string.h>
        #include "ssm.h"
        uint32_t write_map(void *map, uint32_t room) {{
            struct ssm_writer out;
            ssm_begin(&out, map, room, 77, 0x123456789);
            {body}
            ssm_begin_section(&out, SSM_BLOB);
            ssm_append_blob(&out, "/etc/", 5);
            ssm_append_blob(&out, "motd", 4);
            ssm_end_section(&out);
            return ssm_end(&out);
        }}""")
    memory = ctypes.create_string_buffer(1 << 16)
    size = library.write_map(memory, len(memory))
    data = memory.raw[:size]
    assert size
    assert not any(memory.raw[size:])
    found = read(data)
    assert (found.header.txn, found.header.generation) == (77, 0x123456789)
    assert found.header.phys_hi - found.header.phys_lo == len(memory)
    assert found.blob == b"/etc/motd"
    assert found.pipe[0].data == b"bytes"
    for kind in _RECORDS:
        (record,) = found.records(kind.section)
        read_back = {name: _get(record, name) for name in _numbers(kind)}
        assert read_back == _numbers(kind), kind.section.name
    assert write(read(data)) == data


def test_c_reads_every_field_python_has_written(compile_c: Compile) -> None:
    found, reads = SaveStateMap(blob=b"/etc/motd"), []
    for kind in _RECORDS:
        record = kind.record()
        for name, value in _numbers(kind).items():
            holder = getattr(record, name.split(".")[0]) if "." in name else record
            setattr(holder, name.split(".")[-1], value)
        if kind.has_data:
            setattr(record, "data", b"bytes")  # noqa: B010 (only PIPE has it)
        if kind.section is SectionType.TIME:
            setattr(found, "time", record)  # noqa: B010
        else:
            getattr(found, kind.section.name.lower()).append(record)
        tag = c_name(kind.record)
        reads.append(
            f"{{ struct ssm_cursor at = ssm_open(map, SSM_{kind.section.name}); struct {tag} r;"
            f"if (!ssm_next(&at, &r, sizeof r)) return -100;"
            + "".join(f"if (r.{name} != {value}u) return {kind.section * 100 + number};"
                      for number, (name, value) in enumerate(_numbers(kind).items()))
            + ("if (memcmp(at.data, \"bytes\", 5)) return 99;" if kind.has_data else "")
            + "if (ssm_next(&at, &r, sizeof r)) return -101; }"
        )  # fmt: skip
    library = compile_c(f"""
        #include <string.h>
        #include "ssm.h"
        int read_map(const void *map, uint32_t len) {{
            int fault = ssm_check(map, len);
            const uint8_t *path = ssm_blob(map, 5, 4);
            if (fault) return fault;
            if (!path || memcmp(path, "motd", 4) || ssm_blob(map, 5, 5)) return -102;
            {" ".join(reads)}
            return 0;
        }}""")
    data = write(found)
    assert library.read_map(data, len(data)) == 0


def test_c_reads_grown_and_shorter_records(compile_c: Compile, fit_map: SaveStateMap) -> None:
    library = compile_c("""
        #include "ssm.h"
        uint64_t ends(const void *map, uint32_t size) {
            struct ssm_cursor at = ssm_open(map, SSM_VMA);
            struct ssm_vma vma[2] = { 0 };
            uint64_t sum = 0;
            while (ssm_next(&at, &vma[0], size)) sum += vma[0].end;
            return vma[1].pid ? 0 : sum;
        }""")
    library.ends.restype = ctypes.c_uint64
    found = read(write(fit_map))
    for entry in found.table:
        entry.rec_size += 24 if entry.type == SectionType.VMA else 0
    data, ends = write(found), sum(vma.end for vma in fit_map.vma)
    assert check(data) == 0
    assert library.ends(data, layout_of(Vma).size) == ends
    assert library.ends(data, 12) == ends


def test_the_c_writer_never_leaves_its_memory(compile_c: Compile) -> None:
    library = compile_c("""
        #include "ssm.h"
        uint32_t write_map(void *map, uint32_t room) {
            struct ssm_writer out;
            ssm_begin(&out, map, room, 1, 1);
            ssm_begin_section(&out, SSM_TIME); ssm_append(&out); ssm_end_section(&out);
            ssm_begin_section(&out, SSM_PROC); ssm_append(&out); ssm_end_section(&out);
            ssm_begin_section(&out, SSM_PIPE);
            struct ssm_pipe *pipe = ssm_append(&out);
            void *data = ssm_append_data(&out, 13);
            if (pipe && data) pipe->len = 13;
            ssm_end_section(&out);
            ssm_begin_section(&out, SSM_BLOB);
            for (int i = 0; i < 3; i++) ssm_append_blob(&out, "x", 1);
            ssm_end_section(&out);
            return ssm_end(&out);
        }""")
    memory = ctypes.create_string_buffer(4096)
    size = library.write_map(memory, len(memory))
    assert check(memory.raw[:size]) == 0
    assert write(read(memory.raw[:size])) == memory.raw[:size]  # with the gap after its table
    for room in range(size):
        memory = ctypes.create_string_buffer(b"\xaa" * 4096, 4096)
        assert library.write_map(memory, room) == 0
        assert memory.raw[room:] == b"\xaa" * (4096 - room)
