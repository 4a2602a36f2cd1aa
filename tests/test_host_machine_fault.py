"""What is wrong with a machine, in words."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError

from hotswap.host.machine_fault import Fault, MachineError, fault, from_pydantic, path_of


def test_a_fault_says_where_what_stands_there_what_may_and_what_is_nearest() -> None:
    found = fault("machine.cpu", "is not allowed", "484", ["386", "486"])
    assert str(found) == (
        'machine.cpu = "484": is not allowed; allowed are 386, 486; did you mean 486?'
    )


def test_nothing_is_suggested_that_is_not_near() -> None:
    assert fault("a", "is not allowed", "zzz", ["one", "two"]).nearest == ""


def test_a_fault_of_the_whole_file_has_no_place() -> None:
    assert str(Fault("", "is not TOML")) == "is not TOML"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (True, "true"),
        (17, "17"),
        ('a"b\\', r'"a\"b\\"'),
        ({"a": 1}, "{...}"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_a_value_is_shown_as_toml_has_it(value: object, shown: str) -> None:
    assert fault("here", "is wrong", value).value == shown


def test_one_fault_is_one_line_with_the_file() -> None:
    assert str(MachineError("m.toml", [Fault("boot", "is wrong")])) == "m.toml: boot: is wrong"


def test_several_faults_are_counted_and_listed() -> None:
    faults = [Fault("boot", "is wrong"), Fault("disk[0]", "too")]
    assert (
        str(MachineError("m.toml", faults)) == "m.toml: 2 faults\n  boot: is wrong\n  disk[0]: too"
    )
    assert str(MachineError("", faults)) == "2 faults\n  boot: is wrong\n  disk[0]: too"


def test_a_place_is_written_as_in_toml() -> None:
    assert path_of(("boot", "modules", 1, "path")) == "boot.modules[1].path"


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    size: int = 1
    kind: str


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    inner: list[Inner] = []


def test_an_unknown_key_comes_with_those_of_its_table() -> None:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate({"inner": [{"kind": "x", "siez": 2}]})
    (found,) = (from_pydantic(Outer, each) for each in raised.value.errors())
    assert found == Fault("inner[0].siez", "no such key", "", ("size", "kind"), "size")


def test_a_missing_key_and_a_wrong_type_are_named() -> None:
    with pytest.raises(ValidationError) as raised:
        Outer.model_validate({"inner": [{"size": "big"}, 7]})
    found = [str(from_pydantic(Outer, each)) for each in raised.value.errors()]
    assert found == [
        'inner[0].size = "big": input should be a valid integer',
        "inner[0].kind: is missing",
        "inner[1] = 7: is no table",
    ]
