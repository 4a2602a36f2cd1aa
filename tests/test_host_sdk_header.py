"""hotswap_card.h and hotswap_card.inc: what compilers make of them is what the loader reads."""

import re
import struct
import subprocess
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hotswap.cards.elf import descriptor as decoded
from hotswap.cards.elf import load_image
from hotswap.cards.elf.host_names import HOST_CALLS
from hotswap.host.sdk.build import build
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import SDK, Compiler, find_compiler

HEADER = (SDK / "hotswap_card.h").read_text()
MACROS = (SDK / "hotswap_card.inc").read_text()

CARD = """#include "hotswap_card.h"
static uint32_t number = 5, flag, length, list[4];
static char text[16] = "usual";
static uint8_t bytes[12];
static uint64_t maybe;
static int16_t negative;
static const struct hotswap_resources places[] = {
	{.ports = {{0x300, 4}, {0x3F0, 1}}, .windows = {{0xD0000, 0x1000}, {0xE0000000, 0x2000}},
		.irq_count = 2, .irqs = {5, 9}, .drq_count = 1, .drqs = {3}},
	{.ports = {{0x310, 4}}, .irq_count = 1, .irqs = {7}},
};
static const struct hotswap_setting settings[] = {
	{"number", "a number", &number, HOTSWAP_NUMBER, 1, 10},
	{"flag", "a flag", &flag, HOTSWAP_FLAG, 0, 1},
	{"text", "a text", text, HOTSWAP_TEXT, 0, sizeof(text)},
};
static const struct hotswap_field fields[] = {
	{"negative", &negative, HOTSWAP_SIGNED, 2, 0, 0},
	{"bytes", bytes, HOTSWAP_BYTES, sizeof(bytes), 0, 0},
	{"list", list, HOTSWAP_LIST, sizeof(list), 4, &length},
};
#define FUNCTION(name) uint32_t name(void); uint32_t name(void) { return number + maybe; }
FUNCTION(power_on_) FUNCTION(plugged_) FUNCTION(reinitialise_) FUNCTION(read_) FUNCTION(write_)
FUNCTION(memory_read_) FUNCTION(memory_write_) FUNCTION(dma_read_) FUNCTION(dma_write_)
FUNCTION(dma_end_) FUNCTION(timer_) FUNCTION(input_) FUNCTION(work_) FUNCTION(migrate_)
FUNCTION(output_) FUNCTION(restored_)
HOTSWAP_CARD("probe", "1.2.3", .state_version = 7, .cycle_width = 2, .policy = HOTSWAP_REFUSE,
	.timers = 3, .resources = places, .resource_count = HOTSWAP_COUNT(places),
	.settings = settings, .setting_count = HOTSWAP_COUNT(settings),
	.fields = fields, .field_count = HOTSWAP_COUNT(fields),
	.power_on = (void *)power_on_, .plugged = (void *)plugged_,
	.reinitialise = (void *)reinitialise_, .read = (void *)read_, .write = (void *)write_,
	.memory_read = (void *)memory_read_, .memory_write = (void *)memory_write_,
	.dma_read = (void *)dma_read_, .dma_write = (void *)dma_write_, .dma_end = (void *)dma_end_,
	.timer = (void *)timer_, .input = (void *)input_, .work = (void *)work_,
	.migrate = (void *)migrate_, .output = (void *)output_, .restored = (void *)restored_);
"""
ASSEMBLY = (
    """#include "hotswap_card.inc"
	.text
"""
    + "".join(f"hotswap_function {name}_\n\tnop\n\tret\n" for name in decoded.FUNCTIONS)
    + """
	.data
	.balign 4
number: .long 5
flag:	.long 0
length:	.long 0
text:	.asciz "usual"
	.org text + 16
list:	.zero 16
bytes:	.zero 12
negative: .word 0
	.section .rodata
s_number: .asciz "number"
s_flag:	.asciz "flag"
s_text:	.asciz "text"
h_number: .asciz "a number"
h_flag:	.asciz "a flag"
h_text:	.asciz "a text"
s_negative: .asciz "negative"
s_bytes: .asciz "bytes"
s_list:	.asciz "list"
	.balign 4
places:
	hotswap_resources port=0x300, ports=4, port2=0x3F0, ports2=1, window=0xD0000, size=0x1000, \\
		window2=0xE0000000, size2=0x2000, irq=5, irq2=9, drq=3
	hotswap_resources port=0x310, ports=4, irq=7
settings:
	hotswap_setting s_number, h_number, number, HOTSWAP_NUMBER, 1, 10
	hotswap_setting s_flag, h_flag, flag, HOTSWAP_FLAG, 0, 1
	hotswap_setting s_text, h_text, text, HOTSWAP_TEXT, 0, 16
fields:
	hotswap_field s_negative, negative, HOTSWAP_SIGNED, 2
	hotswap_field s_bytes, bytes, HOTSWAP_BYTES, 12
	hotswap_field s_list, list, HOTSWAP_LIST, 16, 4, length
	hotswap_card "probe", "1.2.3", state_version=7, cycle_width=2, policy=HOTSWAP_REFUSE, \\
		timers=3, resources=places, resource_count=2, settings=settings, setting_count=3, \\
		fields=fields, field_count=3, \\
		"""
    + ", ".join(f"{name}={name}_" for name in decoded.FUNCTIONS)
    + "\n"
)


@pytest.mark.parametrize(("suffix", "source"), [(".c", CARD), (".S", ASSEMBLY)], ids=["c", "asm"])
def test_every_member_is_read_as_it_was_written(
    compiler: Compiler, suffix: str, source: str, tmp_path: Path
) -> None:
    file = (tmp_path / "probe").with_suffix(suffix)
    file.write_text(source)
    output = tmp_path / "probe.o"
    assert build([file], output, compiler, tmp_path).warnings == ""
    image = load_image(output.read_bytes(), "probe.o")
    said = image.descriptor
    assert (said.name, said.version, said.abi) == ("probe", "1.2.3", decoded.ABI)
    assert (said.state_version, said.cycle_width, said.policy, said.timers) == (7, 2, 3, 3)
    first, second = said.resources
    assert first.ports == ((0x300, 4), (0x3F0, 1))
    assert first.windows == ((0xD0000, 0x1000), (0xE000_0000, 0x2000))
    assert (first.irqs, first.drqs) == ((5, 9), (3,))
    assert (second.ports, second.windows, second.irqs, second.drqs) == (((0x310, 4),), (), (7,), ())
    assert [(s.name, s.help, s.kind, s.least, s.most) for s in said.settings] == [
        ("number", "a number", 0, 1, 10), ("flag", "a flag", 1, 0, 1), ("text", "a text", 2, 0, 16),
    ]  # fmt: skip
    assert [(f.name, f.kind, f.size, f.item) for f in said.fields] == [
        ("negative", 1, 2, 0), ("bytes", 3, 12, 0), ("list", 4, 16, 4),
    ]  # fmt: skip
    for name in decoded.FUNCTIONS:
        at = getattr(said.functions, name)
        assert image.names.title(at) == f"{name}_"


PROBE = """#include <stddef.h>
#include "hotswap_card.h"
const uint32_t sizes[] = {SIZES};
"""
STRUCTS = ("hotswap_card", "hotswap_resources", "hotswap_setting", "hotswap_field")
MEMBERS = ("magic", "size", "abi_major", "abi_minor", "name", "version", "state_version",
           "cycle_width", "policy", "timers", "reserved", "resources", "resource_count", "settings",
           "setting_count", "fields", "field_count", *decoded.FUNCTIONS)  # fmt: skip


def test_sizes_and_offsets_are_those_that_are_decoded(compiler: Compiler, tmp_path: Path) -> None:
    wanted = [f"sizeof(struct {name})" for name in STRUCTS]
    wanted += [f"offsetof(struct hotswap_card, {name})" for name in MEMBERS]
    (tmp_path / "probe.c").write_text(PROBE.replace("SIZES", ", ".join(wanted)))
    build([tmp_path / "probe.c"], tmp_path / "probe.o", compiler, tmp_path)
    with (tmp_path / "probe.o").open("rb") as file:
        section = ELFFile(file).get_section_by_name(".rodata")
        assert section is not None
        found = struct.unpack(f"<{len(wanted)}I", section.data()[: 4 * len(wanted)])
    offsets = [0, 4, 8, 10, 12, 44, 60, 64, 65, 66, 67, 68, 72, 76, 80, 84, 88]
    offsets += range(92, decoded.SIZE, 4)
    assert list(found) == [decoded.SIZE, 76, 24, 24, *offsets]


@pytest.mark.parametrize(
    "options",
    [["-x", "c", "-std=c11", "-Wextra", "-pedantic"], ["-x", "c++", "-std=c++20"]],
    ids=["c11", "c++20"],
)
def test_it_compiles_alone_without_a_warning(options: list[str], tmp_path: Path) -> None:
    try:
        find_compiler("gcc")
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    source = tmp_path / "alone"
    source.write_text(
        '#include "hotswap_card.h"\nHOTSWAP_CARD("alone", "1", .cycle_width = 4, .restored = 0);\n'
    )
    command = ["gcc", "-m32", "-ffreestanding", "-Wall", "-Werror", *options, f"-I{SDK}", "-c"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path / "alone.o"), str(source)],
        check=False, capture_output=True, encoding="utf-8",
    )  # fmt: skip
    if "cc1plus" in done.stderr:
        pytest.skip("NOT TESTED: gcc without g++")
    assert done.returncode == 0, done.stderr


def test_a_64_bit_compiler_is_told_what_to_do(tmp_path: Path) -> None:
    try:
        find_compiler("gcc")
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    (tmp_path / "wide.c").write_text('#include "hotswap_card.h"\n')
    command = ["gcc", f"-I{SDK}", "-fsyntax-only", str(tmp_path / "wide.c")]
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    assert "compile with -m32, or with hotswap-host sdk build" in done.stderr


def test_the_header_declares_every_call_there_is() -> None:
    declared = re.findall(r"^(?:__attribute__\S+ )?\w+ \*?(hotswap_\w+)\(", HEADER, re.MULTILINE)
    assert sorted(declared) == sorted(HOST_CALLS)


def test_the_numbers_of_the_assembly_include_are_the_headers() -> None:
    in_assembly = dict(re.findall(r"^#define (HOTSWAP_\w+) (\S+)$", MACROS, re.MULTILINE))
    in_c = dict(re.findall(r"(HOTSWAP_\w+)(?: = | )(\w+?)u?(?=[,\s])", HEADER))
    sizes = {name: in_assembly.pop(name) for name in list(in_assembly) if name.endswith("_SIZE")}
    assert {int(size) for size in sizes.values()} == {decoded.SIZE, 76, 24}
    assert in_assembly.items() <= in_c.items()
    assert len(in_assembly) == 16
