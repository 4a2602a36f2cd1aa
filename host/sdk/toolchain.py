"""The compilers a card can be built with: gcc, clang, or the zig wheel, whichever is there.

All three get the same options and make the same kind of object: ET_REL for an i386, without
position-independent code, with DWARF 4 that names files relative to the project.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import msgspec

from .errors import SdkError

Name: TypeAlias = Literal["gcc", "clang", "zig"]
NAMES: tuple[Name, ...] = get_args(Name)
SDK = Path(__file__).parent
"""Where hotswap_card.h and hotswap_card.inc are."""
PATIENCE = 300  # seconds for one call of a compiler

OPTIONS = shlex.split("""
    -m32 -march=i486 -std=gnu11 -O2 -g -gdwarf-4 -ffreestanding -fno-pic -fno-stack-protector
    -fno-omit-frame-pointer -fno-asynchronous-unwind-tables -fcf-protection=none -fno-ident
    -Wall -Wextra
""")
"""For every compiler: code of a 486, no library, warnings on, the same file each time; frames, so
that the report of a fault knows the callers."""
OWN = {
    "gcc": ("-fno-pie", "-mpreferred-stack-boundary=2"),
    "clang": ("-target", "i386-unknown-none-elf"),
    "zig": ("-target", "x86-freestanding-none", "-fno-sanitize=all"),
}
WAYS = (
    "install one of: gcc on x86-64 (Debian: apt install gcc), clang (Debian: apt install clang "
    "lld), or zig, which needs no root: pip install ziglang"
)


class Compiler(msgspec.Struct, frozen=True):
    """A compiler that is there: how to compile, how to join objects, what it says it is."""

    name: str
    compile: tuple[str, ...]
    join: tuple[str, ...]
    version: str


def find_compiler(wanted: str | None = None) -> Compiler:
    """The compiler called `wanted`, by default the first of gcc, clang and zig that is there.

    Raises `SdkError` with what to install.
    """
    for name in NAMES if wanted is None else (wanted,):
        if (compiler := _compiler(name)) is not None:
            return compiler
    if wanted is not None:
        raise SdkError(f"--cc {wanted}: it is not here, or cannot build for an i386; {WAYS}")
    raise SdkError(f"there is no compiler here that can build for an i386; {WAYS}")


def _compiler(name: str) -> Compiler | None:
    match name:
        case "gcc" if (gcc := shutil.which("gcc")) is not None:
            join: tuple[str, ...] = (gcc, "-m32", "-r", "-nostdlib", "-Wl,--build-id=none")
            command: tuple[str, ...] = (gcc,)
        case "clang" if (clang := shutil.which("clang")) is not None:
            linker = shutil.which("ld.lld") or shutil.which("ld")
            if linker is None:
                return None
            command, join = (clang,), (linker, "-m", "elf_i386", "-r")
        case "zig" if importlib.util.find_spec("ziglang") is not None:
            zig = (sys.executable, "-m", "ziglang")
            command, join = (*zig, "cc"), (*zig, "ld.lld", "-m", "elf_i386", "-r")
        case _:
            return None
    options = (*OPTIONS, *OWN[name])
    probe = _run([*command, *options, "-x", "c", "-c", "-o", "/dev/null", "/dev/null"])
    if probe.returncode:
        return None  # e.g. gcc on another processor than x86
    said = _run([*command, "--version"]).stdout.partition("\n")[0]
    return Compiler(name, (*command, *options), join, said)


def compile_source(compiler: Compiler, source: Path, output: Path, root: Path) -> str:
    """Make `output` from a C or assembly source below `root`; returns the warnings.

    Raises `SdkError` with what the compiler said.
    """
    here, name = root.resolve(), source.resolve()
    shown = name.relative_to(here) if name.is_relative_to(here) else name
    done = _run(
        [
            *compiler.compile, f"-I{SDK}",
            f"-ffile-prefix-map={here}=.", f"-ffile-prefix-map={SDK}=hotswap",
            "-c", "-o", str(output.resolve()), str(shown),
        ],
        here,
    )  # fmt: skip
    if done.returncode:
        raise SdkError(f"{source} does not compile with {compiler.name}:\n{done.stderr.rstrip()}")
    return done.stderr


def join_objects(compiler: Compiler, objects: Sequence[Path], output: Path) -> None:
    """One relocatable object from several (`ld -r`). Raises `SdkError`."""
    done = _run([*compiler.join, "-o", str(output), *map(str, objects)])
    if done.returncode:
        raise SdkError(f"the objects cannot be joined:\n{done.stderr.rstrip()}")


def _run(command: Sequence[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace",
            timeout=PATIENCE, check=False, env=os.environ | {"LC_ALL": "C"},
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise SdkError(
            f"{command[0]} has not ended after {PATIENCE} s: {shlex.join(command)}"
        ) from error
