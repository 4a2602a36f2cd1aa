"""Reading the files a log consists of: the last lines, and what comes."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import BinaryIO

import trio

from .errors import DaemonError
from .log_file import files_of

LOOK = 0.2
"""Seconds between two looks at a file that is followed."""
CHUNK = 65536


def last_lines(path: Path, count: int) -> tuple[list[bytes], BinaryIO]:
    """The last `count` lines, older files included, and the newest file behind them.

    Raises `DaemonError` when there is no such log, or it cannot be read.
    """
    if not path.exists():
        what = "nothing was kept: no machine of that name has run, or its ports lead elsewhere"
        raise DaemonError(f"{path}: {what}; `hotswap-host list` names machines")
    try:
        *older, newest = files_of(path)
        file = newest.open("rb")
        content = file.read()
        lines = content.splitlines(keepends=True)
        for each in reversed(older):
            if len(lines) >= count:
                break
            lines = each.read_bytes().splitlines(keepends=True) + lines
    except OSError as error:
        raise DaemonError(f"{path}: {error.strerror}") from error
    return (lines[-count:] if count else []), file


async def follow(path: Path, file: BinaryIO) -> AsyncGenerator[bytes, None]:
    """What is written to the log from where `file` stands on, across its becoming other files.

    It closes `file`.
    """
    try:
        while True:
            while data := file.read(CHUNK):
                yield data
            if newer := _newer(path, file):
                while data := file.read(CHUNK):  # what came before it was full
                    yield data
                file.close()
                *between, file = newer
                for each in between:
                    with each:
                        yield each.read()
            else:
                await trio.sleep(LOOK)
    finally:
        file.close()


def _newer(path: Path, file: BinaryIO) -> list[BinaryIO]:
    """The files of the log behind `file`, oldest first."""
    if _is(path, file):
        return []
    files = files_of(path)
    at = next((number for number, each in enumerate(files) if _is(each, file)), -1)
    return [each.open("rb") for each in files[at + 1 :] if each.exists()]


def _is(path: Path, file: BinaryIO) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
