"""`hotswap-host sdk new`: a whole project, or nothing."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.project import LANGUAGES, LONGEST, Language, new_project


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_project_has_a_card_a_readme_and_tests(language: Language, tmp_path: Path) -> None:
    made = new_project("door_bell", language, tmp_path)
    assert made == tmp_path / "door_bell"
    assert [path.name for path in tmp_path.iterdir()] == ["door_bell"]
    source = {"c": "door_bell.c", "asm": "door_bell.S", "python": "door_bell.py"}[language]
    for name in (source, "README.md", "tests/test_door_bell.py"):
        text = (made / name).read_text()
        assert "door_bell" in text
        assert "@" not in text.replace("@hookimpl", "").replace("@pytest", "").replace(
            "@progbits", ""
        ).replace("@function", "")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("9lives", "is no name for a card: a letter, then"),
        ("door-bell", "is no name for a card"),
        ("../door", "is no name for a card"),
        ("", "is no name for a card"),
        ("tür", "is no name for a card"),
        ("x" * (LONGEST + 1), f"at most {LONGEST} characters"),
        ("register", "is a word of C or Python"),
        ("lambda", "is a word of C or Python"),
    ],
)
def test_a_name_that_is_none_is_refused(name: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SdkError, match=why):
        new_project(name, "c", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_python_card_hides_no_module_and_no_card(tmp_path: Path) -> None:
    with pytest.raises(SdkError, match="'json' is a module of Python's own"):
        new_project("json", "python", tmp_path)
    with pytest.raises(SdkError, match=r"'uart' is installed \(from hotswap-host\)"):
        new_project("uart", "python", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_there_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "bell").mkdir()
    (tmp_path / "bell" / "mine").write_text("precious")
    with pytest.raises(SdkError, match="bell is there already; choose another name"):
        new_project("bell", "c", tmp_path)
    assert [path.name for path in (tmp_path / "bell").iterdir()] == ["mine"]


def test_where_nothing_can_be_made_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(SdkError, match="there is no such folder"):
        new_project("bell", "c", tmp_path / "nowhere")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_holds_no_half_project(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        with pytest.raises(SdkError, match="bell cannot be made: File too large"):
            new_project("bell", "c", tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list(tmp_path.iterdir()) == []


def test_a_new_card_in_python_passes_its_tests(tmp_path: Path) -> None:
    """That of one in C does in test_docs_sdk.py."""
    run = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=new_project("door_bell", "python", tmp_path),
        capture_output=True, encoding="utf-8", timeout=300, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "5 passed" in run.stdout


def test_one_in_assembly_is_tested_as_one_in_c(tmp_path: Path) -> None:
    """That both do the same is in test_host_sdk_compilers.py."""
    tests = []
    for language in LANGUAGES[:2]:
        (tmp_path / language).mkdir()
        made = new_project("bell", language, tmp_path / language)
        tests.append([(made / name).read_text() for name in ("tests/test_bell.py", "pytest.ini")])
    assert tests[0] == tests[1]
