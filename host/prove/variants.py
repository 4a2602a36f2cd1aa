"""Kernels with structures of their own: variants of the reference kernel, mixed and shuffled.

A variant takes each part (process table, files, address spaces, timers, console input, frames, x87,
way in) from v1 or v2, with the members of its structures in another order, wider or narrower where
their values allow it, with holes between them; another tick, other selectors and vectors, other
compiler options. What is drawn depends on the seed and the sources alone.
"""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path
from subprocess import STDOUT, CalledProcessError

import msgspec
import trio

from hotswap.switchover.errors import ImageError
from hotswap.switchover.image import KernelImage, load_image

from .campaign import ProveError
from .structures import shuffled

SOURCES = Path(__file__).resolve().parents[2] / "examples" / "refkernel"
VERSIONS = ("v1", "v2")
TOGETHER = {"trapframe": "entry", "pages": "aspace", "ranges": "aspace"}
"""Files that only go with those of the other name."""
AS_THEY_ARE = ("trapframe", "param", "table")
COMMON = ("task.h", "tty.h", "screen.h", "files.h")
"""Structures both versions have: processes' users and timers, terminals, locks."""
INCLUDING = ("kernel.h", "struct.h")
"""What includes these; beside them, so that it finds the variant's."""
TICKS = (50, 64, 100, 125, 200, 250, 500, 1000)
"""HZ; below 50 the watchdog of PROBATION might hear nothing."""
SELECTORS = [8 * slot for slot in (1, 2, 3, 4, 5, 9, 10, 11, 12, 13, *range(16, 32))]
"""Of the GDT, without the user's and those of thread-local storage."""
VECTORS = range(0x20, 0x78, 8)
OPTIMISED = ("-O1", "-O2", "-Os")
FRAMES = ("-fomit-frame-pointer", "-fno-omit-frame-pointer")
CHECKED = ("-g0", "-Wno-error", "-Werror=designated-init", "-Werror=incompatible-pointer-types")
"""An initialiser that counts on the order of members is an error."""
FOLLOW = "the sources under examples/ have changed: have prove/variants.py follow"


class Variant(msgspec.Struct, frozen=True):
    """What was drawn for one kernel: file name to content, and the compiler's options."""

    seed: int
    parts: dict[str, str]
    hz: int
    options: tuple[str, ...]
    files: dict[str, str]

    def __str__(self) -> str:
        mixed = " ".join(f"{part}:{version}" for part, version in sorted(self.parts.items()))
        return f"kernel {self.seed} ({self.hz} Hz, {' '.join(self.options)}, {mixed})"


def check_tools(sources: Path) -> None:
    """Raises ProveError when there is nothing to build, or nothing to build it with."""
    if not (sources / "common").is_dir():
        raise ProveError(
            f"the reference kernel's sources are not at {sources}; they come with a checkout of"
            " hotswap-host, not with the package: give --sources FOLDER/examples/refkernel"
        )
    if missing := [tool for tool in ("gcc", "make", "ld") if not shutil.which(tool)]:
        raise ProveError(
            f"{', '.join(missing)} not installed; on Debian: apt install gcc make binutils"
        )


def draw(seed: int, sources: Path = SOURCES) -> Variant:
    """The variant of `seed`."""
    chance = random.Random(seed)
    stems = sorted({file.stem for version in VERSIONS for file in (sources / version).iterdir()})
    parts = {stem: chance.choice(VERSIONS) for stem in stems if stem not in TOGETHER}
    parts |= {stem: parts[other] for stem, other in TOGETHER.items() if stem in stems}
    files: dict[str, str] = {}
    for stem, version in sorted(parts.items()):
        for file in _sources_of(stem, version, sources):
            text = file.read_text()
            shuffle = file.suffix == ".h" and stem not in AS_THEY_ARE
            files[file.name] = shuffled(text, chance) if shuffle else text
    for name in COMMON:
        files[name] = shuffled((sources / "include" / name).read_text(), chance)
    for name in INCLUDING:
        files[name] = (sources / "include" / name).read_text()
    hz = chance.choice(TICKS)
    selectors = chance.sample(SELECTORS, 3)
    files["param.h"] = _parameters(
        files["param.h"],
        VERSION=f'"{seed}-refkernel"',
        HZ=str(hz),
        IRQ_BASE=f"{chance.choice(VECTORS):#x}",
        KERNEL_CS=f"{selectors[0]:#x}",
        KERNEL_DS=f"{selectors[1]:#x}",
        TSS_SELECTOR=f"{selectors[2]:#x}",
        SLICE_TICKS=str(chance.randint(1, 5)),
    )
    _push_in_another_order(files, chance)
    options = (chance.choice(OPTIMISED), chance.choice(FRAMES))
    return Variant(seed, parts, hz, options, files)


def _sources_of(stem: str, version: str, sources: Path) -> list[Path]:
    """Those of `version`, or of the one that has such a part."""
    for each in (version, *VERSIONS):
        if found := sorted((sources / each).glob(f"{stem}.*")):
            return found
    return []


async def build(
    variant: Variant, folder: Path, sources: Path = SOURCES, flags: str = ""
) -> KernelImage:
    """Compile in `folder`, which is made, and load the image. Raises ProveError."""
    _lay_out(variant, folder)
    options = f"VARIANT_FLAGS={' '.join((*CHECKED, *variant.options, flags))}"
    command = ["make", "-s", "-C", str(sources), f"VARIANT={folder}", options, "variant"]
    try:
        await trio.run_process(command, capture_stdout=True, stderr=STDOUT)
    except CalledProcessError as error:
        said = error.stdout.decode(errors="replace")
        raise ProveError(f"{variant} cannot be built in {folder}:\n{said}") from error
    try:
        image = load_image(folder / "kernel.elf")
    except ImageError as error:
        raise ProveError(f"{variant}: {error}") from error
    return msgspec.structs.replace(image, name=f"kernel {variant.seed}")


def _lay_out(variant: Variant, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in variant.files.items():
        (folder / name).write_text(content)


def _parameters(header: str, **values: str) -> str:
    for name, value in values.items():
        line = re.compile(rf"^#define {name} +\S+", re.MULTILINE)
        header, found = line.subn(f"#define {name} {value}", header)
        if not found:
            raise ProveError(f"param.h defines no {name}; {FOLLOW}")
    return header


def _push_in_another_order(files: dict[str, str], chance: random.Random) -> None:
    """The four data segment registers, in entry.S and in struct trapframe."""
    order = chance.sample(["ds", "es", "fs", "gs"], 4)
    back = order[::-1]
    pushed = "".join(f"        pushl   %{reg}\n" for reg in order)
    popped = "".join(f"        popl    %{reg}\n" for reg in back)
    for name, pattern, text in (
        ("entry.S", r"(        pushl   %[defg]s\n){4}", pushed),
        ("entry.S", r"(        popl    %[defg]s\n){4}", popped),
        ("trapframe.h", r"uint32_t gs, fs, es, ds;", f"uint32_t {', '.join(back)};"),
    ):
        files[name], found = re.subn(pattern, text, files[name])
        if found != 1:
            raise ProveError(f"{name} does not hold the segment registers as expected; {FOLLOW}")
