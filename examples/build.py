"""Rebuilds the guest images that are committed: `python examples/build.py [--check] [PART ...]`.

Needs gcc that understands -m32, make, GNU ld and objcopy, no 32-bit libraries (Debian on amd64:
`apt install gcc make binutils`), and for the cards hotswap-host itself, whose `sdk build` makes
them. Parts: kernels, initrd, bootstrap, bench, guests, cards, elf; all when none is
named.
With --check nothing is written: status 1 when an image differs from the committed one.
"""

import argparse
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
KERNEL = EXAMPLES / "refkernel"
USER = KERNEL / "user"
BOOTSTRAP = EXAMPLES / "bootstrap"
BENCH = EXAMPLES / "bench"
INITRD = EXAMPLES / "initrd"
TESTS = ROOT / "tests" / "guests"
TEST_CARDS = ROOT / "tests" / "elf"  # the tests' own cards
SHIPPED = ROOT / "switchover" / "guest"
TOOLS = EXAMPLES / "toolchain.txt"  # what the committed images were built with

COMPILE = shlex.split("""
    gcc -m32 -march=i486 -std=gnu11 -O2 -ffreestanding -nostdlib -static -fno-pic -no-pie -fno-ident
    -fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns
    -fcf-protection=none -Wall -Wextra -Werror
    -Wl,--build-id=none,-z,noexecstack,--no-warn-rwx-segments
""")
OBJECT = [  # of a card
    *[option for option in COMPILE if option not in {"-static", "-no-pie"} and option[:3] != "-Wl"],
    "-g", "-gno-record-gcc-switches", f"-ffile-prefix-map={ROOT}/=",
]  # fmt: skip
SAMPLES = {"sample-card.o": [], "sample-card-pic.o": ["-fpic", "-gdwarf-4", "-gz"]}
PROGRAM = ["-s", "-Wl,-z,noseparate-code,-Ttext-segment=0x08048000"]
CARDS = ("uart16550", "soundblaster", "vlbscreen")
DATA_SEED, DATA_SIZE = 0x600DDA7A, 65537  # /etc/data; files.c knows them too

Images = dict[Path, bytes]


class BuildError(Exception):
    """A tool is missing or has refused a source; the message says which and what to do."""


def run(*command: str | Path) -> str:
    """Run one tool in examples/ and return what it prints; its complaints go to stderr."""
    try:
        done = subprocess.run(
            command, cwd=EXAMPLES, check=False, stdout=subprocess.PIPE, encoding="utf-8"
        )
    except FileNotFoundError as missing:
        raise BuildError(
            f"{command[0]} is not installed: on Debian, apt install gcc make binutils"
        ) from missing
    if done.returncode:
        raise BuildError(f"this has failed: {' '.join(map(str, command))}")
    return done.stdout


def toolchain(work: Path) -> str:
    """The versions of gcc and ld, when they can build for i386."""
    probe = work / "probe.c"
    probe.write_text("#include <stdint.h>\nint main(void) { return sizeof(uint32_t); }\n")
    try:
        run("gcc", "-m32", "-ffreestanding", "-c", "-o", work / "probe.o", probe)
    except BuildError as error:
        raise BuildError(
            f"gcc -m32 does not work here ({error}): use gcc on x86-64, or run this in a"
            " Debian amd64 container; the committed images need no compiler"
        ) from error
    return "".join(run(tool, "--version").split("\n")[0] + "\n" for tool in ("gcc", "ld"))


def kernels(work: Path) -> Images:
    """Both kernels, and the faulty variants of v2 for the tests, all without debug information
    but with their symbols, for messages about their instructions."""
    run("make", "-s", "-C", KERNEL, "all")
    images: Images = {}
    for built in sorted((KERNEL / "build").glob("*.elf")):
        shipped = built.stem in {"v1", "v2"}
        name = f"refkernel-{built.name}"
        run("objcopy", "--strip-debug", built, work / name)
        images[(SHIPPED if shipped else TESTS) / name] = (work / name).read_bytes()
    return images


def programs(work: Path) -> list[Path]:
    """Compile every user program into `work`/bin."""
    folder = work / "bin"
    folder.mkdir(exist_ok=True)
    built = []
    common = [work / "start.o", work / "lib.o"]
    for shared, compiled in zip(("start.S", "lib.c"), common, strict=True):
        run(*COMPILE, "-c", "-o", compiled, USER / shared)
    for source in sorted(USER.glob("*.c")):
        if source.name == "lib.c":
            continue
        assembly = [file for file in [source.with_suffix(".S")] if file.exists()]
        run(*COMPILE, *PROGRAM, "-o", folder / source.stem, *common, source, *assembly)
        built.append(folder / source.stem)
    return built


def xorshift_bytes(seed: int, size: int) -> bytes:
    """Low bytes of Marsaglia's xorshift32, as lib.c's xorshift()."""
    out = bytearray()
    for _ in range(size):
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        out.append(seed & 0xFF)
    return bytes(out)


def newc(entries: Sequence[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive in the "new ASCII" format (cpio(5)) of (path, mode, content).

    Owners, times and devices are 0.
    """
    archive = bytearray()
    for inode, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        links = 2 if mode & 0o040000 else 1
        name = path.encode() + b"\0"
        head = [inode if mode else 0, mode, 0, 0, links, 0, len(content), *[0] * 4, len(name), 0]
        archive += b"070701" + b"".join(b"%08X" % field for field in head) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def initrd_entries(built: Sequence[Path]) -> Iterator[tuple[str, int, bytes]]:
    """What is in the initrd, folders before what they hold."""
    klibc = INITRD / "klibc"
    for folder in ("bin", "etc", "lib"):
        yield folder, 0o040755, b""
    unmodified = (
        file for file in klibc.iterdir() if file.suffix != ".so" and file.name != "copyright"
    )
    for program in sorted([*built, *unmodified], key=lambda file: file.name):
        yield f"bin/{program.name}", 0o100755, program.read_bytes()
    for library in sorted(klibc.glob("*.so")):
        yield f"lib/{library.name}", 0o100755, library.read_bytes()
    for name in ("motd", "inittab"):
        yield f"etc/{name}", 0o100644, (INITRD / name).read_bytes()
    yield "etc/data", 0o100644, xorshift_bytes(DATA_SEED, DATA_SIZE)
    yield "etc/copyright.klibc", 0o100644, (klibc / "copyright").read_bytes()


def initrd(work: Path) -> Images:
    """The programs and files of every example boot."""
    return {SHIPPED / "initrd.cpio": newc(list(initrd_entries(programs(work))))}


def bootstrap(work: Path) -> Images:
    """The code at 0x8000 that puts one kernel over another."""
    sources = [BOOTSTRAP / name for name in ("boot.S", "boot.c", "crc32.c", "lz4.c")]
    elf, flat = work / "bootstrap.elf", work / "bootstrap.bin"
    run(*COMPILE, "-T", BOOTSTRAP / "boot.ld", "-o", elf, *sources)
    run("objcopy", "-O", "binary", elf, flat)
    return {SHIPPED / "bootstrap.bin": flat.read_bytes()}


def bench(work: Path) -> Images:
    """The guest of `hotswap-host bench systems`, and the card of `hotswap-host bench`."""
    elf, image = work / "bench-debug.elf", ROOT / "host" / "guests" / "bench.elf"
    sources = [BENCH / name for name in ("start.S", "main.c", "compute.c", "board.c")]
    run(*COMPILE, "-T", BENCH / "bench.ld", "-o", elf, *sources)
    run("objcopy", "--strip-all", elf, work / image.name)
    card = image.with_name("bench-card.o")
    include = ROOT / "host" / "sdk"
    run(*OBJECT, "-g0", "-I", include, "-c", "-o", work / card.name, BENCH / "card.c")
    return {made: (work / made.name).read_bytes() for made in (image, card)}


def guests(work: Path) -> Images:
    """The tests' own machine code: each NAME.S and NAME.c becomes a flat NAME.bin.

    It is linked where a comment of the source says `-Ttext=0x...`, else at 0.
    """
    images: Images = {}
    for source in sorted(TESTS.glob("*.[Sc]")):
        elf, flat = work / f"{source.stem}.elf", work / f"{source.stem}.bin"
        place = re.search(r"-Ttext=(0x[0-9a-fA-F]+)", source.read_text())
        origin = place[1] if place else "0"
        run(*COMPILE, "-Wl,-N,-e,0", f"-Wl,-Ttext={origin}", "-o", elf, source)
        run("objcopy", "-O", "binary", elf, flat)
        images[source.with_suffix(".bin")] = flat.read_bytes()
    return images


def cards(work: Path) -> Images:
    """The example cards in C, as `hotswap-host sdk build --cc gcc` makes them; no warnings."""
    from hotswap.host.sdk.build import build, sources_of  # noqa: PLC0415 (for this part only)
    from hotswap.host.sdk.errors import SdkError  # noqa: PLC0415
    from hotswap.host.sdk.toolchain import find_compiler  # noqa: PLC0415

    images: Images = {}
    for name in CARDS:
        sources, root, image = sources_of([EXAMPLES / name])
        try:
            built = build(sources, work / image.name, find_compiler("gcc"), root)
        except SdkError as error:
            raise BuildError(str(error)) from error
        if built.warnings:
            raise BuildError(f"{name}:\n{built.warnings}")
        images[image] = (work / image.name).read_bytes()
    return images


def elf(work: Path) -> Images:
    """What is linked to ELF cards, and the tests' own: each NAME.c or NAME.S becomes NAME.o.

    A comment of the source that says `with: OPTIONS` adds options of the compiler, or with -g0
    leaves out the debug information.
    """
    images: Images = {}
    support = ROOT / "cards" / "elf" / "support.o"
    run(*OBJECT, "-g0", "-c", "-o", work / support.name, EXAMPLES / "elf-support" / "support.c")
    images[support] = (work / support.name).read_bytes()
    sample = EXAMPLES / "elf-support" / "sample.c"
    for name, options in SAMPLES.items():
        run(*OBJECT, *options, "-I", ROOT / "host" / "sdk", "-c", "-o", work / name, sample)
        images[ROOT / "host" / "guests" / name] = (work / name).read_bytes()
    for source in sorted([*TEST_CARDS.glob("*.c"), *TEST_CARDS.glob("*.S")]):
        more = re.search(r"with: (-.*?)(?: \*/)?$", source.read_text(), re.MULTILINE)
        options = shlex.split(more[1]) if more else []
        built = work / f"{source.stem}.o"
        run(*OBJECT, *options, "-I", ROOT / "host" / "sdk", "-c", "-o", built, source)
        images[source.with_suffix(".o")] = built.read_bytes()
    return images


PARTS: dict[str, Callable[[Path], Images]] = {
    part.__name__: part for part in (kernels, initrd, bootstrap, bench, guests, cards, elf)
}


def differences(images: Images) -> list[str]:
    """One line for each image that is not what is committed."""
    lines = []
    for path, content in images.items():
        if not path.exists():
            lines.append(f"{path.relative_to(ROOT)} is missing")
        elif path.read_bytes() != content:
            lines.append(f"{path.relative_to(ROOT)} differs")
    return lines


def main() -> int:
    """Build the parts named on the command line, then install or compare them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--check", action="store_true", help="compare with what is committed")
    parser.add_argument("part", nargs="*", help=", ".join(PARTS))
    asked = parser.parse_args()
    if unknown := set(asked.part) - set(PARTS):
        parser.error(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    work = EXAMPLES / "build"
    work.mkdir(exist_ok=True)
    try:
        tools = toolchain(work)
        images: Images = {}
        for name in asked.part or PARTS:
            images |= PARTS[name](work)
    except BuildError as error:
        sys.stderr.write(f"build.py: {error}\n")
        return 2

    if asked.check:
        lines = differences(images)
        if lines and TOOLS.read_text() != tools:
            lines.append(f"committed images come from\n{TOOLS.read_text()}these from\n{tools}")
        print("\n".join(lines) or f"{len(images)} images are as committed")
        return 1 if lines else 0
    for path, content in images.items():
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        print(f"{path.relative_to(ROOT)} {len(content)}")
    if not asked.part:
        TOOLS.write_text(tools)
    return 0


if __name__ == "__main__":
    sys.exit(main())
