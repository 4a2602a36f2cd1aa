"""The distributions of foreign cards: known by its entry point alone, and their own tests pass.

They are put beside the installed distributions as an installer would do it, without one: nothing is
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

EXAMPLES = Path(__file__).parents[1] / "examples"
CARDS = ("hello", "thermometer")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the cards' modules and the metadata that name their entry points."""
    target = tmp_path_factory.mktemp("site")
    for name in CARDS:
        install(EXAMPLES / f"{name}-card", target)
    return target


def install(distribution: Path, target: Path) -> None:
    declared = tomllib.loads((distribution / "pyproject.toml").read_text())
    project = declared["project"]
    for module in declared["tool"]["setuptools"]["py-modules"]:
        shutil.copy(distribution / f"{module}.py", target)
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


def python(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run this Python with the card installed."""
    path = os.pathsep.join(filter(None, [str(installed), os.environ.get("PYTHONPATH")]))
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": path},
        cwd=installed,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_the_cards_are_listed_without_being_imported(installed: Path) -> None:
    listed = python(
        installed,
        "-c",
        "import sys; from hotswap.host.discovery import offers; print(offers()); "
        "assert not {'hello_card', 'thermometer_card'} & sys.modules.keys()",
    )
    assert "name='hello', module='hello_card', distribution='hotswap-hello-card'" in listed.stdout
    assert "name='thermometer', module='thermometer_card'" in listed.stdout
    assert listed.returncode == 0, listed.stderr


def test_the_command_line_shows_them_beside_the_built_in_cards(installed: Path) -> None:
    shown = python(installed, "-m", "hotswap.host", "card", "list", "--available", "--json")
    assert shown.returncode == 0, shown.stderr
    cards = {card["name"]: card["distribution"] for card in json.loads(shown.stdout)}
    assert cards["hello"] == "hotswap-hello-card"
    assert cards["thermometer"] == "hotswap-thermometer-card"
    assert cards["uart"] == "hotswap-host"


def test_they_are_made_by_name_with_their_settings(installed: Path) -> None:
    made = python(
        installed,
        "-c",
        "from hotswap.host.discovery import make_card; "
        "print(*(make_card(name, {'base': 0x310}).alternatives()[0].ports[0] "
        "for name in ('hello', 'thermometer')))",
    )
    assert made.stdout == "0x0310-0x0311 0x0310-0x0313\n", made.stderr


@pytest.mark.parametrize(("name", "tests"), [("hello", 6), ("thermometer", 26)])
def test_their_own_tests_pass(installed: Path, name: str, tests: int) -> None:
    folder = EXAMPLES / f"{name}-card"
    options = ["-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    options += ["-c", str(folder / "pyproject.toml")]
    tested = python(installed, "-m", "pytest", *options, str(folder))
    assert tested.returncode == 0, tested.stdout + tested.stderr
    assert f"{tests} passed" in tested.stdout
