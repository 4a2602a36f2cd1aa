"""`hotswap-host card list --available`: what could be inserted, without a machine or an import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap.host.discovery import offers


def hotswap(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `hotswap-host` where distributions in `path` are installed, too."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "hotswap.host", *words],
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def with_a_bomb(tmp_path: Path) -> Path:
    """A folder with a distribution whose module ends the process that imports it."""
    metadata = tmp_path / "their_bomb-2.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-bomb\nVersion: 2.5\n")
    (metadata / "entry_points.txt").write_text("[hotswap.cards]\nbomb = their_bomb\n")
    (tmp_path / "their_bomb.py").write_text("import os\nos._exit(77)\n")
    return tmp_path


def test_what_is_available_is_listed_without_importing_a_plugin(with_a_bomb: Path) -> None:
    listed = hotswap("card", "list", "--available", "--json", path=with_a_bomb)
    assert listed.returncode == 0, listed.stderr
    cards = {card["name"]: card for card in json.loads(listed.stdout)}
    assert cards["bomb"] == {
        "name": "bomb", "module": "their_bomb", "distribution": "their-bomb", "version": "2.5",
    }  # fmt: skip
    assert cards.keys() - {"bomb"} == {offer.name for offer in offers()}
    imported = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert "hotswap.host.discovery" in imported
    assert not {name for name in imported if name.startswith(("hotswap.cards.", "their_bomb"))}


def test_it_is_a_table_for_people(with_a_bomb: Path) -> None:
    listed = hotswap("card", "list", "--available", path=with_a_bomb)
    assert listed.returncode == 0, listed.stderr
    header, *rows = (line.split() for line in listed.stdout.splitlines())
    assert header == ["name", "module", "distribution", "version"]
    assert ["bomb", "their_bomb", "their-bomb", "2.5"] in rows
