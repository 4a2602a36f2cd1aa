"""`hotswap-host sdk build`: from sources to one object that is the same wherever it is built."""

from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from hotswap.host.sdk.build import build, sources_of
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import Compiler, find_compiler

CARD = """#include "hotswap_card.h"
uint64_t total;
static uint32_t read(uint32_t port, uint32_t width) { return total / (port + width); }
HOTSWAP_CARD("divider", "1", .read = read);
"""


@pytest.fixture
def gcc() -> Compiler:
    try:
        return find_compiler("gcc")
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")


def project(folder: Path, **sources: str) -> Path:
    folder.mkdir()
    for name, text in sources.items():
        stem, _, suffix = name.rpartition("_")
        (folder / f"{stem}.{suffix}").write_text(text)
    return folder


def symbols(path: Path) -> tuple[set[str], set[str]]:
    """Those an object defines, and those it wants."""
    with path.open("rb") as file:
        table = ELFFile(file).get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        found = [(each.name, each["st_shndx"] == "SHN_UNDEF") for each in table.iter_symbols()]
    return (
        {name for name, wanted in found if name and not wanted},
        {name for name, wanted in found if name and wanted},
    )


def test_each_compiler_makes_an_object_for_an_i386(compiler: Compiler, tmp_path: Path) -> None:
    folder = project(tmp_path / "divider", card_c=CARD)
    sources, root, output = sources_of([folder])
    assert output == folder / "divider.o"
    built = build(sources, output, compiler, root)
    assert built.warnings == ""
    assert built.size == output.stat().st_size
    with output.open("rb") as file:
        header = ELFFile(file).header
        assert (header["e_type"], header["e_machine"]) == ("ET_REL", "EM_386")
        section = ELFFile(file).get_section_by_name(".hotswap.card")
        assert section is not None
        assert section["sh_size"] == 156


def test_several_sources_become_one_object(compiler: Compiler, tmp_path: Path) -> None:
    both = project(
        tmp_path / "two",
        a_c='#include "hotswap_card.h"\nvoid on(void);\nHOTSWAP_CARD("two", "1", .power_on = on);',
        b_S="    .globl on\non: call hotswap_now\n    ret\n",
    )
    sources, root, output = sources_of([both])
    assert [source.name for source in sources] == ["a.c", "b.S"]
    build(sources, output, compiler, root)
    assert symbols(output)[1] == {"hotswap_now"}


def test_equal_sources_make_equal_objects_in_any_folder(compiler: Compiler, tmp_path: Path) -> None:
    objects = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        folder = project(tmp_path / place / "divider", card_c=CARD)
        sources, root, output = sources_of([folder])
        build(sources, output, compiler, root)
        objects.append(output.read_bytes())
    assert objects[0] == objects[1]
    assert str(tmp_path).encode() not in objects[0]


def test_a_source_that_does_not_compile_leaves_the_object_as_it_was(
    gcc: Compiler, tmp_path: Path
) -> None:
    folder = project(tmp_path / "bad", bad_c="int f(void) { return 1 }\n")
    (folder / "bad.o").write_text("the one before")
    sources, root, output = sources_of([folder])
    with pytest.raises(
        SdkError, match=r"(?s)bad\.c does not compile with gcc:\nbad\.c:.*:1:23: error: expected"
    ):
        build(sources, output, gcc, root)
    assert sorted(path.name for path in folder.iterdir()) == ["bad.c", "bad.o"]
    assert output.read_text() == "the one before"


def test_two_definitions_of_a_symbol_are_refused(gcc: Compiler, tmp_path: Path) -> None:
    folder = project(tmp_path / "twice", a_c="int x = 1;\n", b_c="int x = 2;\n")
    sources, root, output = sources_of([folder])
    with pytest.raises(SdkError, match=r"(?s)cannot be joined:.*multiple definition of `x'"):
        build(sources, output, gcc, root)
    assert not output.exists()


def test_warnings_are_reported(gcc: Compiler, tmp_path: Path) -> None:
    folder = project(tmp_path / "warned", a_c="static int unused;\n")
    sources, root, output = sources_of([folder])
    assert "-Wunused-variable" in build(sources, output, gcc, root).warnings


def test_places_without_sources_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SdkError, match=r"there are no sources .* `hotswap-host sdk new` makes"):
        sources_of([tmp_path])
    with pytest.raises(SdkError, match="no such file"):
        sources_of([tmp_path / "card.c"])
    (tmp_path / "card.o").touch()
    with pytest.raises(SdkError, match=r"card\.o: is no source of a card"):
        sources_of([tmp_path / "card.o"])
    (tmp_path / "pyproject.toml").touch()
    with pytest.raises(SdkError, match="a card in Python is not built; install it"):
        sources_of([tmp_path])


def test_the_output_needs_a_folder(gcc: Compiler, tmp_path: Path) -> None:
    source = tmp_path / "card.c"
    source.write_text(CARD)
    with pytest.raises(SdkError, match=r"there is no folder .*nowhere; make it first"):
        build([source], tmp_path / "nowhere" / "card.o", gcc)
