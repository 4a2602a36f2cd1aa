"""Translate the thunks into cpu/machine_code.py: `python cpu/thunks/rebuild.py`, with gcc 12.

Other compilers give other bytes that work as well; the committed ones come from the compiler named
in the file, so that a test can compare them.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

from elftools.elf.elffile import ELFFile

HERE = Path(__file__).resolve().parent
TARGET = HERE.parent / "machine_code.py"
SOURCES = (
    "abort.c",
    "block_counter.c",
    "code_unit.c",
    "delivery.c",
    "fast_stores.c",
    "instructions.c",
    "modifies.c",
    "ports.c",
    "ticker.c",
    "translate.c",
)
FLAGS = [
    "-std=gnu11",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unused-parameter",
    "-O2",
    "-march=x86-64",
    "-ffreestanding",
    "-fpie",
    "-fomit-frame-pointer",
    "-fno-stack-protector",
    "-fcf-protection=none",
    "-fno-jump-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-ident",
]
LINK = ["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"]


def compiler() -> str:
    """gcc and its major version. Raises `FileNotFoundError` when there is none."""
    command = ["gcc", "-dumpversion"]
    version = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return f"gcc {version.split('.')[0].strip()}"


def read_image(elf: Any) -> tuple[bytes, dict[str, int]]:
    """The code, and where in it each global function starts."""
    symbols = elf.get_section_by_name(".symtab").iter_symbols()
    entries = {
        symbol.name: symbol["st_value"]
        for symbol in symbols
        if (symbol["st_info"]["type"], symbol["st_info"]["bind"]) == ("STT_FUNC", "STB_GLOBAL")
    }
    return elf.get_section_by_name(".text").data(), entries


def build() -> str:
    """The text of machine_code.py."""
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "thunks.elf")
        script = f"-Wl,-T,{HERE / 'thunks.ld'}"
        sources = [str(HERE / name) for name in SOURCES]
        subprocess.run(["gcc", *FLAGS, *LINK, script, "-o", str(image), *sources], check=True)
        with image.open("rb") as file:
            code, entries = read_image(ELFFile(file))
    rows = [code[at : at + 40].hex() for at in range(0, len(code), 40)]
    lines = [
        '"""The thunks of cpu/thunks as x86-64 machine code. Made by cpu/thunks/rebuild.py."""',
        "",
        "COMPILER = " + f'"{compiler()}"',
        "",
        "ENTRIES = {",
        *(f'    "{name}": 0x{at:X},' for name, at in sorted(entries.items(), key=lambda e: e[1])),
        "}",
        "",
        "CODE = bytes.fromhex(",
        *(f'    "{row}"' for row in rows),
        ")",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(build())
