"""From sources to one relocatable object: `hotswap-host sdk build`."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

from .errors import SdkError
from .toolchain import Compiler, compile_source, join_objects

SOURCES = (".c", ".S", ".s")


class Built(msgspec.Struct, frozen=True):
    """An object that was built: by what, from what, and what the compiler did not like."""

    file: str
    compiler: str
    version: str
    sources: list[str]
    size: int
    warnings: str


def sources_of(places: Sequence[Path]) -> tuple[list[Path], Path, Path]:
    """The sources at `places`, the folder they belong to and the object they make by default.

    `places` is one folder, or files. Raises `SdkError`.
    """
    for place in places:
        if not place.exists():
            raise SdkError(f"{place}: there is no such file or folder")
    if len(places) == 1 and places[0].is_dir():
        folder = places[0]
        found = sorted(each for each in folder.iterdir() if each.suffix in SOURCES)
        if not found and (folder / "pyproject.toml").exists():
            raise SdkError(
                f"{folder}: a card in Python is not built; install it: pip install -e {folder}"
            )
        if not found:
            raise SdkError(
                f"{folder}: there are no sources ({', '.join(SOURCES)}) in it; "
                "`hotswap-host sdk new` makes a project"
            )
        return found, folder, folder / f"{folder.resolve().name}.o"
    for place in places:
        if place.suffix not in SOURCES:
            raise SdkError(f"{place}: is no source of a card ({', '.join(SOURCES)}), nor a folder")
    return list(places), places[0].parent, places[0].with_suffix(".o")


def build(sources: Sequence[Path], output: Path, compiler: Compiler, root: Path = Path()) -> Built:
    """Compile every source and join the objects; `output` is there whole, or as it was.

    Files in debug information are relative to `root`, so that equal sources give equal objects
    wherever they are. Raises `SdkError`.
    """
    if not output.parent.is_dir():
        raise SdkError(f"{output}: there is no folder {output.parent}; make it first")
    with tempfile.TemporaryDirectory(prefix="hotswap-sdk-") as scratch:
        work, warnings = Path(scratch), []
        objects = []
        for number, source in enumerate(sources):
            objects.append(work / f"{number}.o")
            warnings.append(compile_source(compiler, source, objects[-1], root))
        result = objects[0]
        if len(objects) > 1:
            result = work / "joined.o"
            join_objects(compiler, objects, result)
        size = _install(result, output)
    return Built(
        file=str(output), compiler=compiler.name, version=compiler.version,
        sources=[str(source) for source in sources],
        size=size, warnings="".join(warnings),
    )  # fmt: skip


def _install(built: Path, output: Path) -> int:
    """Put it in place in one step; the number of bytes."""
    content = built.read_bytes()
    handle, name = tempfile.mkstemp(dir=output.parent, prefix=f".{output.name}.")
    try:
        with open(handle, "wb") as file:  # noqa: PTH123 (a descriptor)
            file.write(content)
        Path(name).chmod(0o644)
        Path(name).replace(output)
    except BaseException:
        os.unlink(name)  # noqa: PTH108 (as it came from mkstemp)
        raise
    return len(content)
