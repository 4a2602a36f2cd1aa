"""Cards given by the path of an object file: `elf_card`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from hotswap.bus import Card, CodeEngine, HotswapError
from hotswap.cards.elf import ElfCard, ElfError, ElfImage, load_image
from hotswap.cards.elf.objects import FILE_MAX
from hotswap.cpu.code_engine import CodeLease

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


class ElfFile(msgspec.Struct, frozen=True):
    """An object file by its content, and where its code runs: all that makes its card again."""

    name: str
    content: bytes
    sandbox: Sandbox = "engine"

    @property
    def image(self) -> ElfImage:
        """The card in it, checked; no code of it is run. Raises `ElfError`."""
        return _loaded(self.content, self.name)


def read_elf(path: Path, sandbox: Sandbox = "engine") -> ElfFile:
    """The file as it is now. Raises `ElfError` when it cannot be read or is no card."""
    try:
        with path.open("rb") as file:
            content = file.read(FILE_MAX + 1)
    except OSError as error:
        raise ElfError(
            f"{path}: {error.strerror}; give the path of a card's object file"
        ) from error
    try:
        _loaded(content, path.name)
    except ElfError as error:  # which knows it by its base name
        what = str(error).removeprefix(f"{path.name}: ")
        raise ElfError(f"{path}: {what}") from error
    return ElfFile(path.name, content, sandbox)


def elf_image(path: Path) -> ElfImage:
    """The card in the file, checked; no code of it is run. Raises `ElfError`."""
    return read_elf(path).image


def file_of(card: Card[Any]) -> ElfFile | None:
    """What the card was made of; None when it is in Python."""
    if not isinstance(card, ElfCard):
        return None
    return ElfFile(card.image.name, card.image.content, _sandbox_of(card))


def _sandbox_of(card: ElfCard) -> Sandbox:
    return "engine" if isinstance(card.engine, CodeLease) else "process"


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
    return in_engine(image, settings, engines.take())


def in_engine(image: ElfImage, settings: Mapping[str, Any], engine: CodeEngine) -> ElfCard:
    """The card of `image` in `engine`, which is closed when this raises."""
    try:
        return ElfCard(image, settings, engine)
    except BaseException:
        engine.close()
        raise
