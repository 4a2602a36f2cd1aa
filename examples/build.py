"""Rebuilds the guest images: `python examples/build.py [--check] [PART ...]`.

Needs gcc that understands -m32, GNU ld and objcopy (Debian: `apt install gcc binutils make`; no 32-bit libraries).
Parts: programs, initrd, bootstrap, kernels, guests; all of them when none is named.
"""

import argparse
import shutil
import struct
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parent
ROOT = EXAMPLES.parent
USER = EXAMPLES / "refkernel" / "user"
INITRD = EXAMPLES / "initrd"

COMPILE = (
    "gcc -m32 -march=i486 -std=gnu11 -ffreestanding -nostdlib -O2 -fno-pic -no-pie"
    " -fno-stack-protector -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns"
    " -fcf-protection=none -Wall -Wextra -Werror -Wl,--build-id=none,-z,noexecstack"
).split()
STATIC_PROGRAM = "-static -s -Wl,-z,noseparate-code,-Ttext-segment=0x08048000".split()
DATA_SEED, DATA_SIZE = 0x600DDA7A, 65537  # /etc/data; files.c knows them too


class BuildError(Exception):
    """A tool is missing or has refused a source; the message says which and what to do."""


def run(*command: str | Path) -> None:
    """Run one tool in examples/; its own messages go to stderr."""
    try:
        done = subprocess.run(command, cwd=EXAMPLES, check=False)  # noqa: S603
    except FileNotFoundError as missing:
        raise BuildError(f"{command[0]} is not installed (apt install gcc binutils)") from missing
    if done.returncode:
        raise BuildError(f"failed: {' '.join(map(str, command))}")


def programs(out: Path) -> list[Path]:
    """Compile every user program into `out`/bin."""
    folder = out / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    built = []
    for source in sorted(USER.glob("*.c")):
        if source.name == "lib.c":
            continue
        assembly = [file for file in [source.with_suffix(".S")] if file.exists()]
        sources = [USER / "start.S", USER / "lib.c", source, *assembly]
        run(*COMPILE, *STATIC_PROGRAM, "-o", folder / source.stem, *sources)
        built.append(folder / source.stem)
    return built


def pseudo_random_bytes(seed: int, size: int) -> bytes:
    """Low bytes of Marsaglia's xorshift32, as lib.c's xorshift()."""
    out = bytearray()
    for _ in range(size):
        seed ^= seed << 13 & 0xFFFFFFFF
        seed ^= seed >> 17
        seed ^= seed << 5 & 0xFFFFFFFF
        out.append(seed & 0xFF)
    return bytes(out)


def newc(entries: Sequence[tuple[str, int, bytes]]) -> bytes:
    """A cpio archive in the "new ASCII" format of (path, mode, content) (cpio(5)); no times, no owners."""
    archive = bytearray()
    trailer = ("TRAILER!!!", 0, b"")
    for inode, (path, mode, content) in enumerate([*entries, trailer], start=1):
        links = 2 if mode & 0o040000 else 1
        name = path.encode() + b"\0"
        fields = [inode if mode else 0, mode, 0, 0, links, 0, len(content), 0, 0, 0, 0, len(name), 0]
        archive += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        archive += bytes(-len(archive) % 4) + content
        archive += bytes(-len(archive) % 4)
    return bytes(archive)


def initrd_entries(built: Sequence[Path]) -> Iterator[tuple[str, int, bytes]]:
    """What is in the initrd, folders before what they hold."""
    klibc = INITRD / "klibc"
    for folder in ("bin", "etc", "lib"):
        yield folder, 0o040755, b""
    for program in sorted([*built, klibc / "cat"], key=lambda file: file.name):
        yield f"bin/{program.name}", 0o100755, program.read_bytes()
    for library in klibc.glob("*.so"):
        yield f"lib/{library.name}", 0o100755, library.read_bytes()
    for name in ("motd", "inittab"):
        yield f"etc/{name}", 0o100644, (INITRD / name).read_bytes()
    yield "etc/data", 0o100644, pseudo_random_bytes(DATA_SEED, DATA_SIZE)
    yield "etc/copyright.klibc", 0o100644, (klibc / "copyright").read_bytes()


def initrd(out: Path) -> None:
    """Write `out`/initrd.cpio."""
    (out / "initrd.cpio").write_bytes(newc(list(initrd_entries(programs(out)))))


if __name__ == "__main__":
    out = EXAMPLES / "build"
    out.mkdir(exist_ok=True)
    initrd(out)
