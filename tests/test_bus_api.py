"""`hotswap.bus` is the whole card author's API: all of it is documented, nothing else is public."""

from __future__ import annotations

import ast
import importlib
import inspect
import itertools
import pkgutil
import typing
from enum import Enum
from pathlib import Path
from types import ModuleType

import pytest

import hotswap.bus
from hotswap.bus import Card, Choice

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


def test_what_a_card_overrides_is_what_is_promised() -> None:
    """A change here breaks cards of other people."""
    signatures = {
        name: str(inspect.signature(function))
        for name, function in vars(Card).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }
    assert signatures == {
        "resources": "(self) -> 'Resources'",
        "alternatives": "(self) -> 'Sequence[Resources]'",
        "plug_and_play": "(self) -> 'PlugAndPlay | None'",
        "configured": "(self, device: 'int', at: 'Configuration | None') -> 'None'",
        "change": "(self, settings: 'Any') -> 'None'",
        "power_on": "(self) -> 'None'",
        "reinitialise": "(self) -> 'None'",
        "plugged": "(self, slot: 'Slot') -> 'None'",
        "read": "(self, port: 'int', width: 'int') -> 'int'",
        "write": "(self, port: 'int', width: 'int', value: 'int') -> 'None'",
        "burst_read": "(self, port: 'int', size: 'int') -> 'None'",
        "burst_written": "(self, port: 'int', content: 'bytes') -> 'None'",
        "memory_read": "(self, address: 'int', width: 'int') -> 'int'",
        "memory_write": "(self, address: 'int', width: 'int', value: 'int') -> 'None'",
        "dma_read": "(self, line: 'int', size: 'int') -> 'bytes'",
        "dma_write": "(self, line: 'int', content: 'bytes', terminal: 'bool') -> 'int'",
        "dma_end": "(self, line: 'int') -> 'None'",
        "run": "(self, slot: 'Slot') -> 'None'",
        "close": "(self) -> 'None'",
        "save": "(self) -> 'SavedState'",
        "load": "(self, saved: 'SavedState') -> 'None'",
        "adopt": "(self, saved: 'SavedState') -> 'None'",
    }
    attributes = {name for name in Card.__annotations__ if not name.startswith("_")}
    assert attributes == {
        "name",
        "api",
        "ports",
        "irq",
        "drq",
        "cycle_width",
        "switchover",
        "needs",
        "freezes",
        "state_type",
        "settings_type",
        "settable",
        "settings",
        "state",
        "slot",
    }


def test_a_choice_documents_its_members() -> None:
    class Colour(Choice):
        RED = 1, "as a fire engine"
        BLUE = 2

    assert [(int(colour), colour.doc) for colour in Colour] == [(1, "as a fire engine"), (2, "")]


def test_widths_are_those_of_the_data_lines() -> None:
    assert typing.get_args(hotswap.bus.Width) == tuple(hotswap.bus.FLOATING)
