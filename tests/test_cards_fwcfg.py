"""The firmware configuration device, as QEMU's docs/specs/fw_cfg.rst has it."""

import struct

import pytest

from hotswap.bus import Backplane
from hotswap.cards.fwcfg import FILES_MAX
from hotswap.host.discovery import PluginError, make_card
from hotswap.host.pytest_plugin import Ports

SELECTOR, DATA = 0x510, 0x511
ROM = bytes(range(256)) * 3


def read(ports: Ports, key: int, size: int) -> bytes:
    ports.write(SELECTOR, key, 2)
    return bytes(ports.read(DATA) for _ in range(size))


async def plug(backplane: Backplane, **settings: object) -> None:
    await backplane.insert(make_card("fwcfg", settings))


async def test_the_signature_and_the_traditional_interface(
    backplane: Backplane, ports: Ports
) -> None:
    await plug(backplane)
    assert bytes(ports.read(DATA) for _ in range(4)) == b"QEMU", "chosen at power-on"
    assert read(ports, 0x00, 4) == b"QEMU"
    assert read(ports, 0x01, 4) == b"\1\0\0\0"


async def test_memory_and_processors(backplane: Backplane, ports: Ports) -> None:
    await plug(backplane, memory_kib=16 * 1024)
    assert read(ports, 0x03, 8) == struct.pack("<Q", 16 << 20)
    assert read(ports, 0x05, 2) == read(ports, 0x0F, 2) == b"\1\0"


async def test_the_directory_lists_the_files_by_name(backplane: Backplane, ports: Ports) -> None:
    await plug(backplane, files={"vgaroms/vga.bin": ROM, "etc/e820": b"E" * 20})
    directory = read(ports, 0x19, 4 + 2 * 64)
    assert directory[:4] == b"\0\0\0\2"
    entries = [struct.unpack_from(">IHH56s", directory, 4 + 64 * n) for n in range(2)]
    assert [(size, name.rstrip(b"\0")) for size, _, _, name in entries] == [
        (20, b"etc/e820"),
        (len(ROM), b"vgaroms/vga.bin"),
    ]
    for (size, key, _, _), content in zip(entries, (b"E" * 20, ROM), strict=True):
        assert read(ports, key, size) == content


async def test_after_the_last_byte_and_for_unknown_keys_there_are_zeros(
    backplane: Backplane, ports: Ports
) -> None:
    await plug(backplane)
    assert read(ports, 0x00, 6) == b"QEMU\0\0"
    assert read(ports, 0x7777, 2) == b"\0\0"


async def test_choosing_an_item_again_begins_it_again(backplane: Backplane, ports: Ports) -> None:
    await plug(backplane)
    assert read(ports, 0x00, 2) + read(ports, 0x00, 4) == b"QEQEMU"


async def test_the_selector_cannot_be_read_and_data_not_written(
    backplane: Backplane, ports: Ports
) -> None:
    await plug(backplane)
    assert ports.read(SELECTOR, 2) == 0xFFFF
    ports.write(DATA, 0x12)
    assert bytes(ports.read(DATA) for _ in range(4)) == b"QEMU"


async def test_a_restored_card_goes_on_with_the_byte_it_stood_at(
    backplane: Backplane, ports: Ports
) -> None:
    await plug(backplane)
    read(ports, 0x00, 1)
    saved = backplane.snapshot()
    read(ports, 0x05, 2)
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    assert bytes(ports.read(DATA) for _ in range(3)) == b"EMU"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"n" * 56: b""}, "longer than 55"),
        ({"": b""}, "empty"),
        ({str(n): b"" for n in range(FILES_MAX + 1)}, "at most"),
    ],
)
def test_files_no_key_or_name_fits_are_refused(files: dict[str, bytes], message: str) -> None:
    with pytest.raises(PluginError, match=message):
        make_card("fwcfg", {"files": files})
