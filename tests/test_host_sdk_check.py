"""`hotswap-host sdk check`: what a card is, or all that is wrong with it."""

import re
from pathlib import Path

import pytest

from hotswap.host.sdk.build import build
from hotswap.host.sdk.check import Place, check, words
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import find_compiler

EXAMPLES = Path(__file__).parents[1] / "examples"
UART = EXAMPLES / "uart16550" / "uart16550.o"


def built(folder: Path, source: str) -> Path:
    """An object that gcc makes of `source`."""
    try:
        compiler = find_compiler()
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    (folder / "card.c").write_text('#include "hotswap_card.h"\n' + source)
    build([folder / "card.c"], folder / "card.o", compiler, folder)
    return folder / "card.o"


def test_the_16550_is_described() -> None:
    found = check(UART)
    assert found.faults == []
    card = found.card
    assert card is not None
    assert (card.name, card.abi, card.state_version, card.policy) == ("uart", "1.0", 1, "carry")
    assert card.resources[1] == Place(["0x02f8-0x02ff"], [], [3], [])
    assert card.by_fields
    assert {"fifo", "time_out_at"} <= {part.name for part in card.state}
    assert {"read", "write", "restored"} <= set(card.functions)
    assert "hotswap_timer" in card.host_calls
    assert card.from_loader  # it divides 64 bits
    text = dict(words(card))
    assert text["card"] == "uart 1.0, ABI 1.0"
    assert text["resources"] == "ports 0x03f8-0x03ff; IRQ 4"
    assert ".text " in text["sections"]


def test_without_a_field_table_the_data_sections_are_the_state(tmp_path: Path) -> None:
    card = built(
        tmp_path,
        "uint32_t counter, start = 7;\n"
        "static const struct hotswap_setting settings[] = {\n"
        '\t{"start", "where to begin", &start, HOTSWAP_NUMBER, 1, 9}};\n'
        'HOTSWAP_CARD("plain", "2", .settings = settings, .setting_count = 1);\n',
    )
    found = check(card).card
    assert found is not None
    assert not found.by_fields
    assert sorted((part.name, part.kind, part.size) for part in found.state) == [
        (".bss", "bss", 4), (".data", "data", 4),
    ]  # fmt: skip
    (setting,) = found.settings
    assert (setting.name, setting.default, setting.help) == ("start", 7, "where to begin")
    assert not found.from_loader


def test_every_symbol_nobody_defines_is_named_where_it_is_used(tmp_path: Path) -> None:
    card = built(
        tmp_path,
        "void printf(const char *); void sleep(int);\n"
        'static void on(void) { printf("hello"); sleep(1); sleep(2); }\n'
        'HOTSWAP_CARD("wants", "1", .power_on = on);\n',
    )
    faults = check(card).faults
    assert len(faults) == 2
    for fault, name in zip(faults, ("printf", "sleep"), strict=True):
        where = rf"{card}: section \.text, offset 0x[0-9a-f]+, symbol .*{name}.*: nobody defines it"
        assert re.match(where, fault), fault


def test_an_object_without_a_descriptor_is_no_card(tmp_path: Path) -> None:
    faults = check(built(tmp_path, "void lost(void); void f(void) { lost(); }\n")).faults
    assert len(faults) == 2
    assert "no section .hotswap.card" in faults[0]
    assert "lost" in faults[1]


def test_a_descriptor_that_contradicts_itself_is_named_with_its_member(tmp_path: Path) -> None:
    card = built(
        tmp_path,
        "static const struct hotswap_resources places[] = {{.ports = {{0x300, 4}}}};\n"
        'HOTSWAP_CARD("mute", "1", .resources = places, .resource_count = 1);\n',
    )
    (fault,) = check(card).faults
    assert "resources[0].ports: there is neither read nor write for them" in fault


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no ELF file"),
        (b"#!/bin/sh\n", "no ELF file"),
        (UART.read_bytes()[:300], "truncated"),
        (Path("/proc/self/exe").read_bytes()[:5000], "64-bit object; compile it with -m32"),
    ],
    ids=["empty", "script", "truncated", "64 bits"],
)
def test_what_is_no_object_has_one_fault(content: bytes, why: str, tmp_path: Path) -> None:
    (tmp_path / "card.o").write_bytes(content)
    (fault,) = check(tmp_path / "card.o").faults
    assert why in fault


def test_a_file_that_is_not_there_is_told_from_a_bad_one(tmp_path: Path) -> None:
    with pytest.raises(SdkError, match=r"card\.o: No such file.*`hotswap-host sdk build`"):
        check(tmp_path / "card.o")
