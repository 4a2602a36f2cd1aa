"""A new card's project, from the templates beside this file: `hotswap-host sdk new`."""

from __future__ import annotations

import keyword
import re
import shlex
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from hotswap.host.discovery import offers

from .errors import SdkError

Language: TypeAlias = Literal["c", "asm", "python"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
TEMPLATES = Path(__file__).parent / "templates"
LONGEST = 31
"""Characters of a name: what the descriptor has room for."""
RESERVED = frozenset(
    shlex.split("""
        auto break case char const continue default do double else enum extern float for goto if
        inline int long register restrict return short signed sizeof static struct switch typedef
        union unsigned void volatile while
    """)
)  # C11, 6.4.1
SUFFIX = ".in"
"""Of templates: so nobody takes them for what they become."""


def new_project(name: str, language: Language, into: Path) -> Path:
    """Make the folder `into`/`name` with a card that builds and its tests; returns the folder.

    Raises `SdkError`; then nothing was made.
    """
    check_name(name, language)
    target = into / name
    if not into.is_dir():
        raise SdkError(f"{into}: there is no such folder; make it, or choose another by --into")
    if target.exists() or target.is_symlink():
        raise SdkError(f"{target} is there already; choose another name, or --into another folder")
    try:
        with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}.") as scratch:
            made = Path(scratch) / name
            for template in sorted((TEMPLATES / language).rglob(f"*{SUFFIX}")):
                place = str(template.relative_to(TEMPLATES / language)).removesuffix(SUFFIX)
                file = made / place.replace("NAME", name)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(_filled(template.read_text(encoding="utf-8"), name), "utf-8")
            shutil.copymode(into, made)
            made.rename(target)
    except OSError as error:
        raise SdkError(f"{target} cannot be made: {error.strerror}") from error
    return target


def _filled(text: str, name: str) -> str:
    title = "".join(word.capitalize() for word in name.split("_")) or name
    return text.replace("@NAME@", name).replace("@CLASS@", title)


def check_name(name: str, language: Language) -> None:
    """Raise `SdkError` unless a card, its file, and its module can have this name."""
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", name, re.ASCII):
        raise SdkError(
            f"{name!r} is no name for a card: a letter, then letters, digits and _, as in C"
        )
    if len(name) > LONGEST:
        raise SdkError(f"{name!r} is too long: a card's name has at most {LONGEST} characters")
    if name in RESERVED or keyword.iskeyword(name):
        raise SdkError(f"{name!r} is a word of C or Python; choose another name")
    if language == "python":
        if name in sys.stdlib_module_names or name == "hotswap":
            raise SdkError(f"{name!r} is a module of Python's own; choose another name")
        for offer in offers():
            if offer.name == name:
                raise SdkError(
                    f"a card called {name!r} is installed (from {offer.distribution}); "
                    "choose another name"
                )
