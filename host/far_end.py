"""Where the connector of a card that is inserted leads: what `card insert --to` says."""

from __future__ import annotations

import re
from pathlib import Path

from .backends import BackEndError, is_file
from .network import FORMS, is_form

_WORD = re.compile(r"[\w+-]+:")


def checked(to: str) -> str:
    """`to`, which is a form of a back end or a file. Raises `BackEndError` at an unknown `word:`.

    A file whose name begins so is written with its folder.
    """
    if _names_file(to) and (word := _WORD.match(to)):
        raise BackEndError(
            f"{to!r}: {word[0]} is no kind of back end; give stdio, pty, tcp:HOST:PORT, "
            f"{', '.join(FORMS[2:])} or a file, one of that name as ./{to}"
        )
    return to


def absolute(to: str) -> str:
    """`to` as the machine understands it, whatever folder it runs in. Raises `BackEndError`."""
    return str(Path(checked(to)).absolute()) if _names_file(to) else to


def _names_file(to: str) -> bool:
    return bool(to) and is_file(to) and not is_form(to)
