"""`ssm show` decodes what can be decoded, says what is wrong, and never fails itself."""

import json
import random
from collections.abc import Callable

import pytest

from hotswap.switchover.container import open_container
from hotswap.switchover.memory import MIB, plan_memory
from hotswap.switchover.savemap import SaveStateMap, read, write
from hotswap.switchover.show import show_json, show_text

MakeMap = Callable[[random.Random], SaveStateMap]
PLAN = plan_memory(64 * MIB)


def test_a_fit_map_is_shown_in_tables(fit_map: SaveStateMap) -> None:
    lines = show_text(write(fit_map), PLAN).splitlines()
    assert lines[0] == "Save State Map 1.1"
    assert "FILE, open files: 5" in lines
    words = [" ".join(line.split()) for line in lines]
    assert "10 regular 0x0 2 3 17 0x0 9 /etc/motd" in words
    assert any(line.startswith("2 1 reader blocked pipe_read 5 ") for line in words)
    assert any("0x8048123" in line for line in words)
    assert lines[-1] == "nothing wrong"


def test_the_json_has_every_record(fit_map: SaveStateMap) -> None:
    shown = json.loads(show_json(write(fit_map), PLAN))
    assert shown["ok"]
    assert shown["faults"] == []
    sections = {section["name"]: section["records"] for section in shown["sections"]}
    assert [proc["name"] for proc in sections["PROC"]] == [
        "init", "reader", "x87", "sleeper", "clock", "gone"
    ]  # fmt: skip
    assert sections["PROC"][2]["regs"]["eip"] == 0x8048123
    assert sections["FILE"][0]["path"] == "/etc/motd"
    assert sections["PIPE"][0]["data"] == b"hello".hex()
    assert sections["FRAME"][0]["kind"] == "ramdisk"
    assert shown["header"]["txn"] == 7


def test_a_broken_section_does_not_hide_the_others(fit_map: SaveStateMap) -> None:
    data = bytearray(write(fit_map))
    vma = next(entry for entry in open_container(bytes(data)).entries if entry.type == 3)
    data[vma.off] ^= 0xFF
    text = show_text(bytes(data))
    assert "PROC, processes: 6" in text
    assert "VMA, their address spaces: 3" in text
    assert "L0 SECTION_CRC: section VMA: checksum" in text


def test_a_map_cut_off_shows_its_header_and_says_so(fit_map: SaveStateMap) -> None:
    data = write(fit_map)
    shown = json.loads(show_json(data[:-100]))
    assert shown["header"]["txn"] == 7
    assert shown["faults"][0]["code"] == "TOTAL_LEN"
    assert json.loads(show_json(data[:50]))["faults"][0]["code"] == "SHORT"


def test_what_is_no_map_is_not_taken_for_one() -> None:
    text = show_text(b"root:x:0:0:root:/root:/bin/bash\n" * 10)
    assert text == "wrong: 1\n  L0 MAGIC: header: magic 0x746f6f72; this is no map\n"


def test_wrong_references_are_shown_with_the_map(fit_map: SaveStateMap) -> None:
    fit_map.fd[0].file_id = 99
    text = show_text(write(fit_map))
    assert "FD, descriptors: 6" in text
    assert "L2 NO_FILE: section FD pid 1 fd 0: file_id 99; the kernel that wrote" in text


def test_a_section_of_another_version_is_not_guessed_at(fit_map: SaveStateMap) -> None:
    found = read(write(fit_map))
    found.table[2].ver = 2
    text = show_text(write(found))
    assert "L1 VERSION: section VMA: version 2, this is 1" in text
    assert "VMA, their address spaces" not in text


def test_names_from_the_guest_cannot_reach_the_terminal(fit_map: SaveStateMap) -> None:
    fit_map.proc[0].name = b"\x1b[2J\xff"
    fit_map.blob = b"/\x1b]0;x\x07" + fit_map.blob[7:]
    for text in (show_text(write(fit_map)), show_json(write(fit_map))):
        assert all(" " <= character <= "~" or character == "\n" for character in text)


@pytest.mark.parametrize("seed", range(4))
def test_any_bytes_are_shown(random_map: MakeMap, seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(150):
        data = bytearray(write(random_map(chance)))
        for _ in range(chance.randrange(6)):
            data[chance.randrange(min(len(data), chance.choice([96, 480, 4096])))] = (
                chance.choice([0, 1, 0xFF, chance.randrange(256)])
            )  # fmt: skip
        data = data[: chance.choice([len(data), chance.randrange(len(data))])]
        assert show_text(bytes(data), PLAN).endswith("\n")
        assert isinstance(json.loads(show_json(bytes(data), PLAN))["ok"], bool)
    for size in (0, 1, 95, 96, 500):
        assert "wrong: " in show_text(chance.randbytes(size))
