"""Machines put together: what is started, what its drives are, and all that is wrong at once."""

from __future__ import annotations

import struct
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hotswap.host.assembly import Assembly, Cold, assemble
from hotswap.host.cables import Cable
from hotswap.host.loader import Loaded
from hotswap.host.machine_fault import MachineError
from hotswap.host.machine_file import check
from hotswap.host.rom import PoweredOn

GUESTS = Path(__file__).parent / "guests"
V1 = Path(__file__).parents[1] / "switchover" / "guest" / "refkernel-v1.elf"
KIB = 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Has what the machine files here name."""
    (tmp_path / "flat").write_bytes(b"\xf4" * 16)
    (tmp_path / "multiboot").write_bytes((GUESTS / "multiboot.bin").read_bytes())
    (tmp_path / "v1.elf").write_bytes(V1.read_bytes())
    (tmp_path / "empty").touch()
    (tmp_path / "bios").write_bytes((b"\x90" * 4080 + b"\xea").ljust(4096, b"\0"))
    (tmp_path / "option").write_bytes(b"\x55\xaa\x01".ljust(512, b"\1"))
    for name, size in (("disk", 1008 * 512), ("disk2", 2016 * 512), ("a144", 1440 * KIB)):
        (tmp_path / name).write_bytes(bytes(size))
    return tmp_path


def assembled(text: str, folder: Path) -> Assembly:
    return assemble(check(tomllib.loads(text), folder))


def complaints(text: str, folder: Path) -> list[str]:
    with pytest.raises(MachineError) as raised:
        assembled(text, folder)
    return [str(fault).replace(f"{folder}/", "") for fault in raised.value.faults]


FLAT = '[boot]\nflat = "flat"\n'


# -- what is started ------------------------------------------------------------------------------


def test_a_kernel_with_a_note_takes_part_in_switchovers_and_has_the_plain_cards(
    folder: Path,
) -> None:
    machine = assembled('[boot]\nkernel = "v1.elf"', folder)
    assert isinstance(machine.start, Cold)
    assert machine.config.switchover
    names = [plug.card for plug in machine.cards]
    assert names == ["pic", "pit", "cmos", "uart", "port92", "post", "debugexit", "switchover"]
    assert [plug.slot for plug in machine.cards] == list(range(8))


def test_another_kernel_has_all_of_ram_and_a_pc(folder: Path) -> None:
    machine = assembled('[boot]\nkernel = "multiboot"', folder)
    assert isinstance(machine.start, Loaded)
    assert not machine.config.switchover
    names = {plug.card for plug in machine.cards}
    assert {"kbc", "vga", "dma", "ferr"} < names
    assert "switchover" not in names


def test_cards_says_which_cards_there_are(folder: Path) -> None:
    machine = assembled('machine.cards = "pc"\n[boot]\nkernel = "v1.elf"', folder)
    assert {"vga", "switchover"} < {plug.card for plug in machine.cards}
    machine = assembled('machine.cards = "plain"\n[boot]\nkernel = "multiboot"', folder)
    assert "vga" not in {plug.card for plug in machine.cards}


def test_a_cycle_waits_for_a_card_in_a_process_as_long_as_the_file_says(folder: Path) -> None:
    assert assembled(FLAT, folder).config.sandbox_deadline == 1_000_000
    machine = assembled(FLAT + "[machine]\nsandbox_deadline = 2.5", folder)
    assert machine.config.sandbox_deadline == 2_500_000


def test_a_bios_is_a_rom_and_in_the_firmware_configuration_are_the_option_roms(
    folder: Path,
) -> None:
    option = b"\x55\xaa\x01".ljust(512, b"\0")  # which add up to 0
    (folder / "option").write_bytes(option)
    machine = assembled('[boot]\nbios = "bios"\nroms = ["option"]\n', folder)
    assert isinstance(machine.start, PoweredOn)
    settings = {plug.card: plug.settings for plug in machine.cards}
    assert settings["rom"]["content"] == (folder / "bios").read_bytes()
    files = settings["fwcfg"]["files"]
    assert files["genroms/0.rom"] == option
    assert files["etc/e820"] == struct.pack("<QQI", 0, 64 << 20, 1)
    assert settings["fwcfg"]["memory_kib"] == settings["cmos"]["memory_kib"] == 64 * KIB


def test_the_clock_starts_at_the_time_given_in_utc_unless_it_says_otherwise(folder: Path) -> None:
    for text, hour in (("2001-02-03T04:05:06", 4), ("2001-02-03T04:05:06+02:00", 2)):
        machine = assembled(f"machine.time = {text}\n{FLAT}", folder)
        cmos = next(plug.settings for plug in machine.cards if plug.card == "cmos")
        assert cmos["time"] == datetime(2001, 2, 3, hour, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("boot", "words"),
    [
        ("", "boot: there is nothing to start; give kernel, flat or bios, or a disk or floppy"),
        (
            'kernel = "v1.elf"\nflat = "flat"',
            "boot.flat: a machine starts with one thing, here is kernel too",
        ),
        ('flat = "flat"\nappend = "x"', "boot.append: belongs to boot.kernel, which is not there"),
        ('kernel = "v1.elf"\naddress = 0x8000', "boot.address: belongs to boot.flat"),
        ('kernel = "v1.elf"\nroms = ["option"]', "boot.roms: belongs to boot.bios"),
        ('kernel = "empty"', "boot.kernel: kernel empty: is empty"),
        ('kernel = "disk"', "boot.kernel: kernel disk: is neither an ELF file"),
        ('kernel = "v1.elf"\ninitrd = "empty"', "boot.initrd: initrd empty: is empty"),
        (
            'kernel = "multiboot"\nmodules = [{path = "flat"}, {path = "empty"}]',
            "boot.modules[1]: module empty: is empty",
        ),
        ('bios = "flat"\nroms = []', "boot.bios: BIOS flat: 16 bytes are no whole pages"),
        ('bios = "bios"\nroms = ["option"]', "boot.roms: option ROM option: its bytes do not add"),
        ('flat = "flat"\naddress = 0xA0000', "boot.flat: flat: at 0xa0000 is no RAM"),
        (f'kernel = "v1.elf"\nappend = "{"x" * 4096}"', "boot.kernel: the command line has"),
        ('kernel = "gone"\nappend = "x"', "boot.kernel: gone: No such file or directory"),
    ],
)
def test_what_cannot_be_started_is_one_fault_that_names_the_item(
    boot: str, words: str, folder: Path
) -> None:
    (found,) = complaints(f"[boot]\n{boot}\n", folder)
    assert found.startswith(words)


# -- drives ---------------------------------------------------------------------------------------


def test_disks_are_on_two_channels_and_in_the_cmos(folder: Path) -> None:
    text = FLAT + '[[disk]]\nimage = "disk"\nread_only = true\n' * 3
    machine = assembled(text + "geometry = [1, 4, 9]", folder)
    channels = [plug.settings for plug in machine.cards if plug.card == "ide"]
    usual = [1, 16, 63]
    assert [channel["base"] for channel in channels] == [0x1F0, 0x170]
    assert [channel["irq"] for channel in channels] == [14, 15]
    assert (channels[0]["geometry0"], channels[0]["geometry1"]) == (usual, usual)
    assert channels[1]["geometry0"] == [1, 4, 9]
    assert "geometry1" not in channels[1]
    cmos = next(plug.settings for plug in machine.cards if plug.card == "cmos")
    assert cmos["disks"][2] == {"cylinders": 1, "heads": 4, "sectors": 9}
    assert cmos["boot"] == ["floppy", "disk"]


@pytest.mark.parametrize(
    ("geometry", "words"),
    [
        ("[2, 16, 63]", "are 2016 sectors, and disk has 1008"),
        ("[1, 17, 1]", "at most 16 heads and 63 sectors"),
        ("[1, 1, 64]", "at most 16 heads and 63 sectors"),
        ("[1, 2]", "list should have at least 3 items"),
    ],
)
def test_an_impossible_geometry_is_refused(geometry: str, words: str, folder: Path) -> None:
    text = f'{FLAT}[[disk]]\nimage = "disk"\ngeometry = {geometry}'
    (found,) = complaints(text, folder)
    assert found.startswith(f"disk[0].geometry = {geometry}: {words}")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("empty", "disk[0]: empty: is 0 bytes"),
        ("flat", "disk[0]: flat: is 16 bytes, and a disk image is a multiple of 512"),
    ],
)
def test_what_is_no_disk_image_is_refused(image: str, words: str, folder: Path) -> None:
    (found,) = complaints(f'{FLAT}[[disk]]\nimage = "{image}"', folder)
    assert found.startswith(words)


def test_a_disk_beyond_lba_is_refused(folder: Path) -> None:
    with (folder / "large").open("wb") as file:
        file.truncate(129 << 30)
    (found,) = complaints(f'{FLAT}[[disk]]\nimage = "large"', folder)
    assert found.startswith("disk[0].image: large: is larger than 128 GiB")


def test_five_disks_are_too_many(folder: Path) -> None:
    found = complaints(FLAT + '[[disk]]\nimage = "disk"\nread_only = true\n' * 5, folder)
    assert found[0].startswith("disk = ")
    assert "at most 4 items" in found[0]


def test_an_overlay_of_another_image_is_refused(folder: Path) -> None:
    (folder / "overlay").write_bytes(b"no overlay".ljust(4096))
    text = f'{FLAT}[[disk]]\nimage = "disk"\noverlay = "overlay"'
    (found,) = complaints(text, folder)
    assert found.startswith("disk[0]: overlay overlay: is no overlay")


def test_nothing_is_made_while_a_machine_is_put_together(folder: Path) -> None:
    before = sorted(folder.iterdir())
    text = f'{FLAT}[[disk]]\nimage = "disk"\noverlay = "new"\n[[serial]]\nto = "log"\n'
    assembled(text + '[[network]]\ncapture = "c"', folder)
    assert sorted(folder.iterdir()) == before


def test_a_file_two_drives_have_may_not_be_written_by_one_of_them(folder: Path) -> None:
    disk = '[[disk]]\nimage = "disk"\n'
    (found,) = complaints(FLAT + disk + "read_only = true\n" + disk, folder)
    assert found == (
        "disk[1].image: disk: is disk[0].image, too; give each an overlay, or set read_only for "
        "both"
    )
    assembled(FLAT + disk + 'overlay = "x"\n' + disk + 'overlay = "y"\n', folder)
    (found,) = complaints(FLAT + 2 * (disk + 'overlay = "x"\n'), folder)
    assert found.startswith("disk[1].overlay: x: is disk[0].overlay, too")


def test_a_plain_machine_has_no_drives(folder: Path) -> None:
    text = '[boot]\nkernel = "v1.elf"\n[[disk]]\nimage = "disk"'
    (found,) = complaints(text, folder)
    assert found == 'machine.cards = "plain": has no drives; choose pc'


def test_diskette_drives_are_on_one_controller_and_in_the_cmos(folder: Path) -> None:
    text = FLAT + '[[floppy]]\nimage = "a144"\n[[floppy]]\nkind = "1.2M"'
    settings = {plug.card: plug.settings for plug in assembled(text, folder).cards}
    assert settings["fdc"]["drives"] == settings["cmos"]["diskettes"] == ["1.44M", "1.2M"]


@pytest.mark.parametrize(("image", "size"), [("disk", "516,096"), ("disk2", "1,032,192")])
def test_a_diskette_has_the_size_of_one(image: str, size: str, folder: Path) -> None:
    (found,) = complaints(f'{FLAT}[[floppy]]\nimage = "{image}"', folder)
    assert found.startswith(
        f"floppy[0].image: {image}: {size} bytes are the size of no diskette; there are 160K, "
    )


def test_a_drive_has_to_be_able_to_read_its_diskette(folder: Path) -> None:
    (found,) = complaints(f'{FLAT}[[floppy]]\nimage = "a144"\nkind = "720K"', folder)
    assert found == 'floppy[0].kind = "720K": such a drive cannot read a144; it fits 1.44M'
    assembled(f'{FLAT}[[floppy]]\nimage = "a144"\nkind = "2.88M"', folder)


# -- connectors -----------------------------------------------------------------------------------


def test_what_is_plugged_into_the_connectors_is_known_by_slot(folder: Path) -> None:
    machine = assembled(
        FLAT
        + '[[serial]]\nto = "stdio"\n[[serial]]\nto = "pty"\n[[parallel]]\nto = "printed"\n'
        + '[[network]]\nto = "hub:x"\ncapture = "c.pcapng"\n',
        folder,
    )
    titles = {plug.slot: plug.card for plug in machine.cards}
    assert [(titles[slot], cable) for slot, cable in machine.cables.items()] == [
        ("uart", Cable("stdio", "serial")),
        ("uart", Cable("pty", "serial")),
        ("lpt", Cable(str(folder / "printed"), "parallel")),
        ("ne2000", Cable("hub:x", capture=str(folder / "c.pcapng"))),
    ]


def test_two_connectors_do_not_lead_to_the_same_file(folder: Path) -> None:
    text = FLAT + '[[serial]]\nto = "log"\n[[serial]]\nto = "pty"\n[[serial]]\nto = "pty"\n'
    (found,) = complaints(text + '[[parallel]]\nto = "log"\n', folder)
    assert found == 'parallel[0].to = "log": serial[0].to leads there, too'


def test_faults_of_every_kind_come_together_with_the_numbers_of_the_file(folder: Path) -> None:
    found = complaints(
        """
        machine.memory = 0
        [boot]
        kernel = "empty"
        [[disk]]
        image = "gone"
        [[disk]]
        image = "disk"
        geometry = [99, 9, 9]
        [[card]]
        name = 3
        [[card]]
        name = "uartt"
        """,
        folder,
    )
    assert [line.partition(":")[0] for line in found] == [
        "machine.memory = 0",
        "disk[0].image",
        "card[0].name = 3",
        "boot.kernel",
        "disk[1].geometry = [99, 9, 9]",
        'card[1].name = "uartt"',
    ]
