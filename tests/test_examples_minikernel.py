"""The minimal kernel of docs/your-kernel.md, built here: it counts on, whatever takes its place."""

import re
import shutil
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import pytest
import trio
from elftools.elf.elffile import ELFFile

from hotswap.bus import HotswapError
from hotswap.host.board import Board
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import crashing, refkernel
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.image import KernelImage, load_image, switchable
from hotswap.switchover.options import Options

EXAMPLES = Path(__file__).parent.parent / "examples"
SOURCES = EXAMPLES / "minikernel"
COPIED = ("minikernel", "lkus", "refkernel/include")
"""All that is needed to build it; what an author of a kernel copies is in the last two."""
GUIDE = EXAMPLES.parent / "docs" / "your-kernel.md"
MS = 1_000_000
Kernels = dict[int, KernelImage]
"""The builds by the layout of their structures, 1 and 2."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make` has left the kernel."""
    if not all(map(shutil.which, ("gcc", "make", "objcopy"))):
        pytest.skip("NOT TESTED: minikernel needs gcc and make (apt install gcc make binutils)")
    built = tmp_path_factory.mktemp("minikernel")
    made = subprocess.run(
        ["make", "-s", "-C", SOURCES, f"BUILD={built}"], check=False, capture_output=True, text=True
    )
    if "-m32" in made.stderr or "unrecognized" in made.stderr:
        pytest.skip(f"NOT TESTED: this gcc cannot build for i386: {made.stderr}")
    assert made.returncode == 0, made.stderr
    return built


@pytest.fixture(scope="module")
def kernels(folder: Path) -> Kernels:
    return {layout: load_image(folder / f"minikernel-{layout}.elf") for layout in (1, 2)}


def start(guest: Guest, image: KernelImage) -> None:
    guest.board.boot(image)
    guest.listen()


def counted(guest: Guest) -> dict[str, int]:
    """How far each process has come; every number must have been said, once, and in order."""
    said: dict[str, list[int]] = defaultdict(list)
    for line in guest.lines:
        if line.startswith("refkernel "):
            continue
        match = re.fullmatch(r"([A-Z]) (\d{5})", line)
        assert match, f"{line!r} was not said by a counter"
        said[match[1]].append(int(match[2]))
    for letter, numbers in said.items():
        assert numbers == list(range(1, len(numbers) + 1)), letter
    return {letter: len(numbers) for letter, numbers in said.items()}


async def count_on(guest: Guest) -> None:
    """Both processes come further."""
    before = counted(guest)
    await guest.pass_time(60 * MS)
    after = counted(guest)
    assert set(after) == {"A", "B"}
    assert all(after[letter] > before[letter] + 10 for letter in after), (before, after)


def offsets(image: Path, structure: str) -> dict[str, int]:
    """The places of a structure's members, from the image's DWARF."""
    with image.open("rb") as file:
        for unit in ELFFile(file).get_dwarf_info().iter_CUs():
            for entry in unit.iter_DIEs():
                name = entry.attributes.get("DW_AT_name")
                if (
                    entry.tag == "DW_TAG_structure_type"
                    and name
                    and name.value.decode() == structure
                ):
                    return {
                        each.attributes["DW_AT_name"].value.decode(): each.attributes[
                            "DW_AT_data_member_location"
                        ].value
                        for each in entry.iter_children()
                    }
    raise AssertionError(f"{structure} is not described in {image}")


def test_the_two_builds_have_nothing_of_a_process_in_the_same_place(folder: Path) -> None:
    one, two = (offsets(folder / f"minikernel-{layout}.elf", "proc") for layout in (1, 2))
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] == two[name]] == []


def test_the_whole_kernel_has_at_most_200_lines() -> None:
    sources = [file for suffix in "chS" for file in SOURCES.glob(f"*.{suffix}")]
    kernel = [file for file in sources if file.name != "counter.c"]  # its program
    assert {file.name for file in kernel} == {"kernel.c", "entry.S"}
    lines = [line for file in kernel for line in file.read_text().splitlines()]
    assert len(lines) <= 200
    assert max(map(len, lines)) <= 100


def test_both_builds_may_replace_a_running_kernel(kernels: Kernels) -> None:
    for image in kernels.values():
        assert switchable(image).version.rstrip(b"\0") == b"minikernel"


async def test_two_processes_count_in_turn(guest: Guest, kernels: Kernels) -> None:
    start(guest, kernels[1])
    await guest.pass_time(100 * MS)
    await count_on(guest)


async def test_asked_what_it_can_do_it_says_how_much_it_has(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels
) -> None:
    start(guest, kernels[1])
    await guest.pass_time(50 * MS)
    report = await switchover(kernels[2])
    assert report.plan is not None
    assert report.plan.processes == 2
    assert 1024 < report.plan.map_bytes <= report.map_bytes  # the host adds the cards' states


@pytest.mark.parametrize(("old", "new"), [(1, 1), (1, 2), (2, 1)])
@pytest.mark.parametrize("mode", [0, 1, 2])
async def test_they_count_on_under_another_build(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels, old: int, new: int, mode: int
) -> None:
    start(guest, kernels[old])
    await guest.pass_time(50 * MS)
    report = await switchover(kernels[new], mode=mode)
    assert report.outcome == "committed", report.reason
    assert report.processes == 2
    await count_on(guest)


async def test_twenty_alternations_neither_lose_nor_repeat_a_number(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels
) -> None:
    start(guest, kernels[1])
    for turn in range(20):
        await guest.pass_time(7 * MS)
        report = await switchover(kernels[2 - turn % 2], probation_ms=1)
        assert report.outcome == "committed", report.reason
    await count_on(guest)


async def test_a_build_that_crashes_is_undone_and_another_succeeds(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels
) -> None:
    start(guest, kernels[1])
    await guest.pass_time(50 * MS)
    report = await switchover(crashing(kernels[2]))
    assert (report.outcome, report.phase) == ("rolled back", "NEWINIT")
    await count_on(guest)
    assert (await switchover(kernels[2])).outcome == "committed"
    await count_on(guest)


@pytest.mark.parametrize("version", [1, 2])
async def test_they_count_on_under_the_reference_kernel_and_come_back(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels, version: int
) -> None:
    start(guest, kernels[1])
    for image in (refkernel(version), kernels[2], refkernel(3 - version), kernels[1]):
        await guest.pass_time(30 * MS)
        report = await switchover(image)
        assert report.outcome == "committed", f"{image}: {report.reason}"
        await count_on(guest)


async def test_processes_it_could_not_go_on_with_are_left_to_the_reference_kernel(
    guest: Guest, switchover: SwitchKernel, kernels: Kernels
) -> None:
    guest.boot(["pipes:3", "memory:3"])
    await guest.pass_time(20 * MS)
    report = await switchover(kernels[1])
    assert report.outcome == "rolled back"
    assert "cannot save or restore" in report.reason
    assert {each.split()[0] for each in (await guest.reported()).values()} == {"ok"}


class Mistake(NamedTuple):
    """`old` becomes `new` in `file`, of the old kernel or else of the new one."""

    file: str
    old: str
    new: str
    in_old_kernel: bool = False


MISTAKES = {
    "the note's name is wrong": Mistake("lkus/lkus_note.h", '"LKUS"', '"LKUX"'),
    "the note's entry is outside the image": Mistake(
        "lkus/lkus_note.h", "(uint32_t)_start, ", "(uint32_t)_start + 0x200000, "
    ),
    "IRQ 10 is masked": Mistake("minikernel/kernel.c", "{ 0xA1, 0xFB }", "{ 0xA1, 0xFF }", True),
    "the map lies in SCRATCH": Mistake(
        "lkus/lkus.c", "(SC_ARG_SCRATCH_LO) - map_room", "(SC_ARG_SCRATCH_LO)", True
    ),
    "a file's `refs` were not counted": Mistake("lkus/lkus_kept.c", "console->refs + 1", "1", True),
    "the CRC engine is given a linear address": Mistake(
        "lkus/lkus.c",
        "SC_CRC_PA, (uint32_t)at",
        "SC_CRC_PA, (uint32_t)at + lkus_kernel.ram_max",
        True,
    ),
    "paging is still on at the bootstrap's entry": Mistake(
        "lkus/lkus.c", "andl $0x7fffffff, %%eax; ", "", True
    ),
    "the new kernel supports less RAM than there is": Mistake(
        "minikernel/kernel.c", "96 << 20", "32 << 20"
    ),
    "a field is not restored": Mistake("lkus/lkus.h", "LKUS_COPY(sid, to, from), ", ""),
    "a page is mapped to its neighbour's frame": Mistake(
        "lkus/lkus_plain.c", "(pa + i * PAGE)", "(pa + i * PAGE + PAGE)"
    ),
    "the new kernel writes to free memory": Mistake(
        "lkus/lkus.c",
        "    lkus_plain_restore(map);\n",
        "    lkus_plain_restore(map);\n    *(volatile char *)0x300000 = 1;\n",
    ),
    "there is no IDT": Mistake("minikernel/kernel.c", "lidt %1;", ""),
    "the ticks are not told": Mistake("lkus/lkus.c", "on_probation && lkus_in", "false && lkus_in"),
}
SAID = re.findall(
    r"^\| ([^|]+) \| ([A-Z]+) \| ([^|]+) \|$",
    GUIDE.read_text().partition("## Mistakes")[2],
    re.MULTILINE,
)


def test_every_mistake_of_the_guide_is_made_here() -> None:
    assert [mistake for mistake, _, _ in SAID] == list(MISTAKES)


@pytest.mark.parametrize(("mistake", "phase", "said"), SAID, ids=[each[0] for each in SAID])
async def test_a_mistake_is_named_as_the_guide_says(
    board: Board, kernels: Kernels, tmp_path: Path, mistake: str, phase: str, said: str
) -> None:
    made = MISTAKES[mistake]
    for part in COPIED:
        shutil.copytree(EXAMPLES / part, tmp_path / part, ignore=shutil.ignore_patterns("build"))
    file = tmp_path / made.file
    right = file.read_text()
    assert made.old in right
    file.write_text(right.replace(made.old, made.new))
    folder = tmp_path / "minikernel"
    await trio.run_process(["make", "-s", "-C", folder, "build/minikernel-1.elf"])
    wrong = load_image(folder / "build" / "minikernel-1.elf")
    old, new = (wrong, kernels[2]) if made.in_old_kernel else (kernels[2], wrong)
    board.boot(old)
    guest = Guest(board)
    await guest.pass_time(20 * MS)
    patience = 1 if phase == "PLAN" else PATIENCE  # the first waits for the end of a limit
    switchover = Switchover(board.machine, new, Options(patience=patience))
    with pytest.raises(HotswapError) as caught:
        await switchover.run()
    assert said in str(caught.value)
    assert phase == (switchover.report.phase or "PLAN")
