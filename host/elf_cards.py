"""Cards given by the path of an object file: `elf_card`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

from hotswap.bus import CodeEngine, HotswapError
from hotswap.cards.elf import ElfCard, ElfError, ElfImage, load_image
from hotswap.cards.elf.objects import FILE_MAX

Sandbox: TypeAlias = Literal["engine", "process"]
"""Where a card's code runs: in this process's engine, or in a process of its own."""


class Engines(Protocol):
    """Where a card's engine comes from: `hotswap.cpu.CodePool`, or `SandboxPool` when prepared."""

    def take(self) -> CodeEngine:
        """An engine with empty memory."""
        ...


def is_elf_path(name: str) -> bool:
    """Whether what a card is called is the path of an object file, not a name."""
    return "/" in name or name.endswith(".o")


def elf_image(path: Path) -> ElfImage:
    """The card in the file, checked; no code of it is run. Raises `ElfError`."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise ElfError(
            f"{path}: {error.strerror}; give the path of a card's object file"
        ) from error
    return _loaded(content, path.name)


@lru_cache(maxsize=32)
def _loaded(content: bytes, name: str) -> ElfImage:
    """The same build again costs nothing."""
    return load_image(content, name)


def elf_card(
    path: Path | str,
    settings: Mapping[str, Any],
    engines: Engines,
    *,
    sandbox: Sandbox = "engine",
) -> ElfCard:
    """The card in object file `path`, in an engine of `engines`; those of a sandbox are processes.

    Raises `ElfError` when the file is no card or its settings do not fit, `HotswapError` when
    there is no engine for it; then nothing is left behind.
    """
    image = elf_image(Path(path))
    if sandbox == "process":
        from .sandbox import SandboxPool

        if not isinstance(engines, SandboxPool):
            raise HotswapError("a card in a process of its own needs an engine of a SandboxPool")
    engine = engines.take()
    try:
        return ElfCard(image, settings, engine)
    except BaseException:
        engine.close()
        raise
