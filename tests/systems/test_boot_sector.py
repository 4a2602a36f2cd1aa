"""SeaBIOS to a boot sector of ours, which uses the BIOS for all it does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotswap.bus import SECTOR

from .conftest import Workload as FindWorkload
from .console import running

BOOT_SECTOR = Path(__file__).parents[1] / "guests" / "bootdrive.bin"
TEXT = b"a sector far from the first"


def medium(path: Path, sectors: int, heads: int, track: int) -> Path:
    """A raw image with the boot sector, and its text at cylinder 1, head 1, sector 3."""
    with path.open("wb") as image:
        image.write(BOOT_SECTOR.read_bytes())
        image.seek(((1 * heads + 1) * track + 2) * SECTOR)
        image.write(TEXT)
        image.truncate(sectors * SECTOR)
    return path


@pytest.mark.parametrize(
    ("kind", "drive", "sectors", "heads", "track"),
    [("disk", 0x80, 4 * 16 * 63, 16, 63), ("floppy", 0x00, 80 * 2 * 18, 2, 18)],
)
async def test_seabios_boots_a_sector_that_reads_writes_and_is_typed_to(
    workload: FindWorkload,
    tmp_path: Path,
    kind: str,
    drive: int,
    sectors: int,
    heads: int,
    track: int,
) -> None:
    image = medium(tmp_path / "image", sectors, heads, track)
    machine = {
        "machine": {"clock": "instructions", "memory": 4},
        "boot": {
            "bios": str(workload("seabios", "bios.bin")),
            "roms": [str(workload("seabios", "vgabios-isavga.bin"))],
            "order": ["floppy", "disk"],
        },
        kind: [{"image": str(image)}],
    }
    async with running(machine) as console:
        await console.see("SeaBIOS", 5)
        await console.expect(
            f"boot sector of drive {drive:#04x}, heads {heads:#04x}, sectors {track:#04x}\n", 10
        )
        await console.expect(f"{TEXT.decode()}\n{TEXT.decode()}\ntype: ", 10)
        console.press("Hello, 8042!<enter>")
        await console.expect("Hello, 8042!\ndone\n", 10)
        await console.see("^done$", 1)
        assert f"{TEXT.decode()}\n{TEXT.decode()}\ntype: Hello, 8042!\n" in console.screen
    assert image.read_bytes()[SECTOR : SECTOR + len(TEXT)] == TEXT
