"""What is declared in pyproject.toml is what is in the tree, and the other way round."""

import re
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

from hotswap.cpu.symbols import KNOWN_VERSIONS
from hotswap.host.discovery import card_type

ROOT = Path(__file__).parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT, SETUPTOOLS = PYPROJECT["project"], PYPROJECT["tool"]["setuptools"]
CARDS = PROJECT["entry-points"]["hotswap.cards"]
PACKAGES = [path.parent for path in sorted(ROOT.glob("*/__init__.py"))]
IMAGES = ("bootstrap.bin", "initrd.cpio", "refkernel-v1.elf", "refkernel-v2.elf")


def test_the_packages_are_the_folders_and_those_in_them() -> None:
    found = [
        ".".join(["hotswap", *path.parent.relative_to(ROOT).parts])
        for folder in PACKAGES
        for path in folder.rglob("__init__.py")
    ]
    assert sorted(SETUPTOOLS["packages"]) == sorted(found)
    assert SETUPTOOLS["package-dir"] == {f"hotswap.{path.name}": path.name for path in PACKAGES}


def test_hotswap_is_a_namespace_others_may_add_to() -> None:
    assert not (ROOT / ".ns" / "hotswap" / "__init__.py").exists()


@pytest.mark.parametrize("folder", PACKAGES, ids=lambda folder: folder.name)
def test_every_package_is_typed_and_linked_for_the_type_checkers(folder: Path) -> None:
    assert (folder / "py.typed").exists()
    assert (ROOT / ".ns" / "hotswap" / folder.name).resolve() == folder


def test_every_import_rule_covers_every_package() -> None:
    assert sorted(PYPROJECT["tool"]["importlinter"]["root_packages"]) == sorted(
        SETUPTOOLS["package-dir"]
    )


@pytest.mark.parametrize("image", IMAGES)
def test_a_guest_image_is_there_and_shipped(image: str) -> None:
    assert (ROOT / "switchover" / "guest" / image).stat().st_size > 0
    assert "guest/*" in SETUPTOOLS["package-data"]["hotswap.switchover"]


@pytest.mark.parametrize("name", CARDS)
def test_a_built_in_card_enters_by_its_entry_point(name: str) -> None:
    points = {point.name: point.value for point in entry_points(group="hotswap.cards")}
    assert points[name] == CARDS[name], "the installed metadata is old: pip install -e . again"
    assert card_type(name).name == name


def test_every_module_that_offers_a_card_is_an_entry_point() -> None:
    offering = {
        f"hotswap.cards.{path.stem}"
        for path in (ROOT / "cards").glob("*.py")
        if "def hotswap_card(" in path.read_text()
    }
    assert offering == set(CARDS.values())


def test_the_engine_that_is_installed_is_one_the_processor_knows() -> None:
    pins = [need for need in PROJECT["dependencies"] if need.startswith("unicorn")]
    assert pins == [f"unicorn=={'.'.join(map(str, known))}" for known in KNOWN_VERSIONS]


def test_the_version_is_the_changelogs_newest() -> None:
    newest = re.search(r"^## \[([^\]]+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"] == version("hotswap-host")


def imported_by(*arguments: str) -> set[str]:
    """The modules that running `hotswap-host` with these arguments imports."""
    command = [sys.executable, "-X", "importtime", "-m", "hotswap.host", *arguments]
    run = subprocess.run(command, capture_output=True, encoding="utf-8", check=True, timeout=60)
    return {line.rpartition("|")[2].strip() for line in run.stderr.splitlines()}


def test_help_imports_nothing_heavy() -> None:
    modules = imported_by("--help")
    assert "click" in modules
    assert not modules & {"unicorn", "trio", "rich.table", "elftools", "hotswap.bus"}
