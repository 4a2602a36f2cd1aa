"""`hotswap.bus` is the whole card author's API: all of it is documented, nothing else is public."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import itertools
import pkgutil
import typing
from enum import Enum
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import hotswap.bus
from hotswap.bus import Choice

DOCS = Path(__file__).parents[1] / "docs"
_spec = importlib.util.spec_from_file_location("card_api", DOCS / "card_api.py")
assert _spec is not None
assert _spec.loader is not None
card_api: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(card_api)

MODULES = [
    importlib.import_module(f"hotswap.bus.{found.name}")
    for found in pkgutil.iter_modules(hotswap.bus.__path__)
]


def attribute_docs(module: ModuleType) -> set[str]:
    """Names the module assigns with a string after them: what documentation tools show."""
    assert module.__file__ is not None
    body = ast.parse(Path(module.__file__).read_text()).body
    documented = set()
    for statement, following in itertools.pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else []
        targets += [statement.target] if isinstance(statement, ast.AnnAssign) else []
        text = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
        if text and isinstance(following.value.value, str):  # type: ignore[attr-defined]
            documented |= {target.id for target in targets if isinstance(target, ast.Name)}
    return documented


DOCUMENTED = set().union(*map(attribute_docs, MODULES))


@pytest.mark.parametrize("name", hotswap.bus.__all__)
def test_every_name_has_a_docstring(name: str) -> None:
    thing = getattr(hotswap.bus, name)
    if inspect.isclass(thing) or inspect.isfunction(thing):
        assert thing.__doc__, f"{name} has no docstring"
        assert not thing.__doc__.startswith(f"{name}("), f"{name} has only a generated docstring"
    else:
        assert name in DOCUMENTED, f"no string follows {name} where it is assigned"


@pytest.mark.parametrize("name", hotswap.bus.__all__)
def test_every_public_method_has_a_docstring(name: str) -> None:
    thing = getattr(hotswap.bus, name)
    if not inspect.isclass(thing) or issubclass(thing, Enum):
        return
    for member, value in vars(thing).items():
        function = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if not member.startswith("_") and inspect.isfunction(function):
            assert function.__doc__, f"{name}.{member} has no docstring"


def test_what_is_public_is_what_is_listed() -> None:
    modules = {module.__name__.rpartition(".")[2] for module in MODULES}
    public = {name for name in vars(hotswap.bus) if not name.startswith("_")}
    assert public - modules == set(hotswap.bus.__all__)


def qualified(listing: str) -> list[str]:
    """The lines of a listing, each member's with the name of its class."""
    lines, owner = list[str](), ""
    for line in listing.splitlines():
        if not line.startswith(" "):
            owner = line.removeprefix("class ").partition("(")[0]
        lines.append(f"{owner}.{line.strip()}" if line.startswith(" ") else line)
    return lines


def test_nothing_that_cards_may_rely_on_has_changed() -> None:
    committed, now = qualified(card_api.LISTING.read_text()), qualified(card_api.listing())
    gone = [line for line in committed if line not in now]
    assert not gone, (
        f"{gone}: other people's cards may use this. Put it back; or, when it has to go, raise the "
        "first number of API_VERSION and write docs/card-api.txt anew by `python docs/card_api.py`"
    )
    new = [line for line in now if line not in committed]
    assert not new, (
        f"{new}: an addition. If a version of hotswap-host was released since the last one, raise "
        "the second number of API_VERSION; then run `python docs/card_api.py`"
    )
    assert now == committed, "the order has changed; run `python docs/card_api.py`"


def test_a_choice_documents_its_members() -> None:
    class Colour(Choice):
        RED = 1, "as a fire engine"
        BLUE = 2

    assert [(int(colour), colour.doc) for colour in Colour] == [(1, "as a fire engine"), (2, "")]


def test_widths_are_those_of_the_data_lines() -> None:
    assert typing.get_args(hotswap.bus.Width) == tuple(hotswap.bus.FLOATING)
