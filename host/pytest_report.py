"""The sections of a failed test's report: what was on its boards, for who reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotswap.bus import PixelScreen

from .png import png
from .rig.evidence import COLLECTED, Evidence

EVIDENCE: pytest.StashKey[list[Evidence]] = pytest.StashKey()
FOLDERS: pytest.StashKey[pytest.TempPathFactory] = pytest.StashKey()
"""Where a test that has no temporary folder gets one; put there by the fixtures with a board."""


@contextmanager
def collecting(item: pytest.Item) -> Iterator[None]:
    """While the block runs, boards leave their evidence for the report of `item`."""
    token = COLLECTED.set(item.stash.setdefault(EVIDENCE, []))
    try:
        yield
    finally:
        COLLECTED.reset(token)


def add_sections(item: pytest.Item, report: pytest.TestReport) -> None:
    """Put the evidence into a report; a graphics screen goes into a PNG file."""
    found = item.stash.get(EVIDENCE, [])
    for number, evidence in enumerate(found, 1):
        which = f" of board {number}" if len(found) > 1 else ""

        def add(title: str, text: str, which: str = which) -> None:
            report.sections.append((f"hotswap {title}{which}", text))

        add("slots", evidence.slots)
        if evidence.trace:
            add("bus trace", evidence.trace)
        for name, text in evidence.serial.items():
            add(f"serial log, {name}", text)
        if evidence.screen_text:
            add("screen", evidence.screen_text)
        if evidence.picture is not None:
            add("screen", _saved(item, evidence.picture, number))


def _saved(item: pytest.Item, picture: PixelScreen, number: int) -> str:
    """Where the picture is now."""
    path = _folder(item) / f"screen-{number}.png"
    try:
        path.write_bytes(png(picture))
    except OSError as error:
        return f"a picture of {picture.width} by {picture.height} pixels, not saved: {error}"
    return f"a picture of {picture.width} by {picture.height} pixels: {path}"


def _folder(item: pytest.Item) -> Path:
    """The test's own temporary folder; a new one where it has none."""
    own = getattr(item, "funcargs", {}).get("tmp_path")
    if isinstance(own, Path):
        return own
    return item.stash[FOLDERS].mktemp(re.sub(r"\W", "_", item.name)[:30])
