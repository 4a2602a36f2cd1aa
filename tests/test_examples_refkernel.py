"""The two reference kernels do the same in different ways; rebuilt with debug information."""

import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile

from hotswap.host.images import refkernel
from hotswap.switchover.image import switchable

KERNEL = Path(__file__).parent.parent / "examples" / "refkernel"
LAID_OUT_ANEW = 10  # structures that must differ at least

Layout = dict[str, int]
"""Offset of each member, by name."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with v1.elf and v2.elf as `make` leaves them, and their objects."""
    if not all(map(shutil.which, ("gcc", "make"))):
        pytest.skip("NOT TESTED: rebuilding needs gcc and make (apt install gcc make binutils)")
    folder = tmp_path_factory.mktemp("refkernel")
    made = subprocess.run(
        ["make", "-s", "-C", KERNEL, f"BUILD={folder}"], check=False, capture_output=True, text=True
    )
    if "-m32" in made.stderr or "unrecognized" in made.stderr:
        pytest.skip(f"NOT TESTED: this gcc cannot build for i386: {made.stderr}")
    assert made.returncode == 0, made.stderr
    return folder


@cache
def structures(image: Path) -> dict[str, Layout]:
    """The structures an image's DWARF describes, by name."""
    found: dict[str, Layout] = {}
    with image.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                if entry.tag == "DW_TAG_structure_type" and "DW_AT_name" in entry.attributes:
                    members = {
                        each.attributes["DW_AT_name"].value.decode(): each.attributes[
                            "DW_AT_data_member_location"
                        ].value
                        for each in entry.iter_children()
                        if each.tag == "DW_TAG_member" and "DW_AT_name" in each.attributes
                    }
                    found[entry.attributes["DW_AT_name"].value.decode()] = members
    return found


def test_at_least_ten_structures_have_other_offsets(built: Path) -> None:
    old, new = structures(built / "v1.elf"), structures(built / "v2.elf")
    different = {
        name
        for name, members in old.items()
        if any(members[each] != new[name][each] for each in members.keys() & new.get(name, {}))
    }
    assert different >= {"proc", "file", "inode", "pipe", "aspace", "trapframe", "wait"}
    assert len(different) >= LAID_OUT_ANEW, different


def test_what_the_map_says_is_laid_out_alike(built: Path) -> None:
    old, new = structures(built / "v1.elf"), structures(built / "v2.elf")
    for name in ("ssm_hdr", "ssm_proc", "ssm_frame", "ssm_file", "ssm_boot"):
        assert old[name] == new[name]


def test_no_object_file_is_shared_but_the_start(built: Path) -> None:
    old = {each.name: each.read_bytes() for each in (built / "v1").glob("*.o")}
    new = {each.name: each.read_bytes() for each in (built / "v2").glob("*.o")}
    assert {name for name in old if old[name] == new.get(name)} <= {"start.o"}
    assert "start.o" in old


@pytest.mark.parametrize("version", [1, 2])
def test_the_shipped_kernel_can_be_switched_to_and_says_its_version(version: int) -> None:
    image = refkernel(version)
    switchable(image, ram=16 << 20)
    assert image.note is not None
    assert image.note.version.rstrip(b"\0") == f"{version}.0.0-refkernel".encode()
