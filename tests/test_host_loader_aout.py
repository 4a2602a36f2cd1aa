"""Multiboot headers: where they are looked for, what they may ask, what their addresses mean."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from hotswap.host.loader import LoadError
from hotswap.host.loader_aout import ADDRESSES, Header, find_header, load_by_header
from hotswap.switchover.memory import MIB

MAGIC = 0x1BADB002
RAM = 16 * MIB


def header(flags: int = 0, *fields: int) -> bytes:
    return struct.pack("<3I", MAGIC, flags, -(MAGIC + flags) & 0xFFFFFFFF) + struct.pack(
        f"<{len(fields)}I", *fields
    )


@pytest.mark.parametrize("at", [0, 4, 0x1000, 8192 - 12])
def test_a_header_is_found_in_the_first_8_kib(at: int) -> None:
    found = find_header(bytes(at) + header(3) + bytes(100), "k")
    assert found == Header(at, 3)


@pytest.mark.parametrize(
    "content",
    [
        bytes(2) + header() + bytes(100),  # not on a multiple of 4
        bytes(8192 - 8) + header(),  # not whole in the first 8 KiB
        header()[:8] + b"\1" + header()[9:],  # a wrong checksum
        header()[:11],
        b"",
    ],
)
def test_what_is_no_header_is_not_found(content: bytes) -> None:
    assert find_header(content, "k") is None


@pytest.mark.parametrize("bit", [2, 3, 15])
def test_a_kernel_that_requires_what_is_not_here_is_refused(bit: int) -> None:
    with pytest.raises(LoadError, match=f"k: its Multiboot header requires .*{1 << bit:#x}"):
        find_header(header(1 << bit), "k")


def test_what_a_kernel_only_wishes_for_is_no_reason_to_refuse_it() -> None:
    assert find_header(header(1 << 17), "k") == Header(0, 1 << 17)


def test_addresses_that_are_cut_off_are_noticed() -> None:
    with pytest.raises(LoadError, match="cut off"):
        find_header(header(ADDRESSES, 1, 2, 3, 4), "k")
    assert find_header(header(ADDRESSES, 1, 2, 3, 4, 5), "k") == Header(0, ADDRESSES, 1, 2, 3, 4, 5)


def kernel(size: int = 100, **fields: Any) -> tuple[bytes, Header]:
    """`size` bytes that begin at 0x100000, their header 32 bytes from the start of the file."""
    values = {"load_addr": MIB, "load_end_addr": 0, "bss_end_addr": 0, "entry_addr": MIB}
    values |= {"header_addr": MIB + 16} | fields
    content = bytes(range(32)) + bytes(32) + bytes(range(1, size - 47))
    return content, Header(32, ADDRESSES, **values)


def test_what_comes_before_the_load_address_is_left_out() -> None:
    content, where = kernel()
    image = load_by_header(content, where, "k", RAM)
    assert (image.load_lo, image.load_hi) == (MIB, MIB + 112)  # whole 16 bytes
    assert image.content == content[16:].ljust(112, b"\0")
    assert image.note is None


def test_load_end_addr_ends_it_and_bss_follows_zeroed() -> None:
    content, where = kernel(load_end_addr=MIB + 80, bss_end_addr=MIB + 4096, entry_addr=MIB + 64)
    image = load_by_header(content, where, "k", RAM)
    assert image.content == content[16:96].ljust(4096, b"\0")
    assert image.entry == MIB + 64


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"header_addr": MIB - 4}, "contradict"),
        ({"header_addr": MIB + 64}, "contradict"),  # begins before the file does
        ({"load_end_addr": MIB - 16}, "contradict"),
        ({"load_end_addr": MIB + 200}, "cut off: 116 bytes of 216"),
        ({"load_addr": 0x8000, "header_addr": 0x8010}, "0x8000-0x8064, a kernel may use 0x100000"),
        ({"bss_end_addr": RAM + 1}, "give the machine more --memory"),
        ({"entry_addr": MIB - 1}, "its entry 0xfffff outside"),
        ({"entry_addr": MIB + 100}, "its entry 0x100064 outside"),
    ],
)
def test_addresses_that_make_no_sense_are_refused(fields: dict[str, int], words: str) -> None:
    content, where = kernel(**fields)
    with pytest.raises(LoadError, match=words):
        load_by_header(content, where, "k", RAM)
