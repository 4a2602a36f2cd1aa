"""The distribution of a foreign card: known by its entry point alone, and its own tests pass.

It is put beside the installed distributions as an installer would do it, without one: nothing is
downloaded or built.
"""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

CARD = Path(__file__).parents[1] / "examples" / "hello-card"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the card's module and the metadata that name its entry points."""
    target = tmp_path_factory.mktemp("site")
    declared = tomllib.loads((CARD / "pyproject.toml").read_text())
    project = declared["project"]
    for module in declared["tool"]["setuptools"]["py-modules"]:
        shutil.copy(CARD / f"{module}.py", target)
    metadata = target / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (metadata / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {module}\n" for name, module in points.items())
            for group, points in project["entry-points"].items()
        )
    )
    return target


def python(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the card installed."""
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path},
        cwd=CARD,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_card_is_listed_without_being_imported(installed: Path) -> None:
    listed = python(
        installed,
        "-c",
        "import sys; from hotswap.host.discovery import offers; print(offers()); "
        "assert 'hello_card' not in sys.modules",
    )
    assert "name='hello', module='hello_card', distribution='hotswap-hello-card'" in listed.stdout
    assert listed.returncode == 0, listed.stderr


def test_info_shows_it_beside_the_built_in_cards(installed: Path) -> None:
    shown = python(installed, "-m", "hotswap.host", "info", "--json")
    assert shown.returncode == 0, shown.stderr
    cards = {card["name"]: card["distribution"] for card in json.loads(shown.stdout)["cards"]}
    assert cards["hello"] == "hotswap-hello-card"
    assert cards["uart"] == "hotswap-host"


def test_it_is_made_by_name_with_its_settings(installed: Path) -> None:
    made = python(
        installed,
        "-c",
        "from hotswap.host.discovery import make_card; "
        "print(make_card('hello', {'base': 0x300}).resources().ports[0])",
    )
    assert made.stdout == "0x0300-0x0301\n", made.stderr


def test_its_own_tests_pass(installed: Path) -> None:
    tested = python(installed, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(CARD))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert "6 passed" in tested.stdout
