"""BIOS and option ROMs: found, checked, shadowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.host import rom
from hotswap.host.loader import LoadError
from hotswap.host.rom import find_rom, is_video_rom, read_bios, read_option_rom, shadow, workloads

BIOS = (b"\x90" * (8192 - 16) + b"\xea").ljust(8192, b"\0")


def option_rom(blocks: int = 1, fill: int = 0) -> bytes:
    content = bytearray(b"\x55\xaa" + bytes([blocks])).ljust(512 * blocks, bytes([fill]))
    content[-1] = -sum(content[:-1]) & 0xFF
    return bytes(content)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rom.bin"


def test_seabios_is_looked_for_among_the_workloads_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    system, own = tmp_path / "system", tmp_path / "own"
    monkeypatch.setattr(rom, "FOLDERS", (system,))
    monkeypatch.setenv("HOTSWAP_HOST_WORKLOADS", str(own))
    with pytest.raises(LoadError, match=r"no bios\.bin in .*own/seabios.*name one with boot\.bios"):
        find_rom("bios.bin", "boot.bios")
    system.mkdir()
    (system / "bios.bin").touch()
    assert find_rom("bios.bin", "boot.bios") == system / "bios.bin"
    (own / "seabios").mkdir(parents=True)
    (own / "seabios" / "bios.bin").touch()
    assert find_rom("bios.bin", "boot.bios") == own / "seabios" / "bios.bin"


def test_workloads_are_where_examples_workloads_puts_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOTSWAP_HOST_WORKLOADS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert workloads() == Path("/cache/hotswap-host/workloads")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert workloads() == Path.home() / ".cache" / "hotswap-host" / "workloads"


def test_a_whole_bios_is_taken(file: Path) -> None:
    file.write_bytes(BIOS)
    assert read_bios(file) == BIOS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (BIOS[:-1], "8191 bytes are no whole pages"),
        (bytes(8192), "nothing to execute at its reset vector"),
        (b"\xff" * 8192, "nothing to execute at its reset vector"),
        (bytes((1 << 20) + 4096), "is larger than 1024 KiB"),
    ],
)
def test_what_is_no_bios_is_refused_by_name(content: bytes, words: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(LoadError, match=rf"^BIOS .*rom\.bin: {words}"):
        read_bios(file)


def test_an_option_rom_is_taken_with_what_follows_it(file: Path) -> None:
    content = option_rom(2, fill=7) + b"more"
    file.write_bytes(content)
    assert read_option_rom(file) == content


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"\x55\xab" + bytes(510), "does not begin with 55 AA"),
        (b"\x55\xaa", "is cut off"),
        (option_rom(3)[:1024], "is cut off: 1024 bytes of 1536"),
        (option_rom()[:-1] + b"x", "its bytes do not add up to 0"),
        (bytes(0x20001), "is larger than 128 KiB"),
    ],
)
def test_what_is_no_option_rom_is_refused_by_name(content: bytes, words: str, file: Path) -> None:
    file.write_bytes(content)
    with pytest.raises(LoadError, match=rf"^option ROM .*rom\.bin: {words}"):
        read_option_rom(file)


def test_a_bios_is_shadowed_up_to_1_mib_and_options_follow_each_other_by_2_kib() -> None:
    first, second = option_rom(5), option_rom(1)
    assert shadow(BIOS, [first, second]).stores == (
        (0xFE000, BIOS),
        (0xC0000, first),
        (0xC1000, second),
    )


def test_of_a_large_bios_the_last_128_kib_are_shadowed() -> None:
    large = b"\1" * 0x20000 + b"\2" * 0x20000
    assert shadow(large, []).stores == ((0xE0000, b"\2" * 0x20000),)


def test_option_roms_that_do_not_fit_below_the_bios_are_refused() -> None:
    with pytest.raises(LoadError, match="do not fit below 0xe0000"):
        shadow(BIOS, [option_rom(128), option_rom(128), option_rom(1)])
    shadow(BIOS, [option_rom(128), option_rom(128)])


def test_a_vga_s_rom_is_known_by_what_programs_look_for() -> None:
    content = option_rom()
    assert not is_video_rom(content)
    assert is_video_rom(content[:0x1E] + b"IBM" + content[0x21:])


def test_the_vga_s_rom_that_comes_with_seabios_is_known(seabios: Path) -> None:
    assert is_video_rom(read_option_rom(seabios.with_name(rom.VGA_BIOS)))
