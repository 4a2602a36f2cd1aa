"""The table of mutants fits the tree; that each is killed is for `nox -s teeth` to find out."""

import importlib.util
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]


def load_teeth() -> Any:
    spec = importlib.util.spec_from_file_location("teeth", ROOT / "tests" / "teeth.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


teeth = load_teeth()
MUTANTS = teeth.mutants()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_the_line_of_a_mutant_is_there_once_and_its_tests_are_there(mutant: Any) -> None:
    text = (ROOT / mutant.file).read_text()
    assert teeth.broken(mutant, text) != text
    assert mutant.tests
    for test in mutant.tests:
        assert (ROOT / test.partition("::")[0]).exists(), test


def test_a_line_that_is_not_there_once_is_an_error_not_a_kill() -> None:
    for text in ("", "a line, a line"):
        with pytest.raises(teeth.TableError, match="should be there once"):
            teeth.broken(teeth.Mutant("gone", "bus/line.py", "a line", "another", []), text)


def test_there_are_at_least_twenty_with_names_of_their_own() -> None:
    assert len(MUTANTS) >= 20
    assert max(Counter(mutant.name for mutant in MUTANTS).values()) == 1


def test_every_folder_of_code_has_some() -> None:
    folders = {mutant.file.split("/")[0] for mutant in MUTANTS}
    assert folders >= {"bus", "cards", "switchover", "examples"}
