"""Which compilers there are."""

import shutil
from pathlib import Path

import pytest

from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import find_compiler


def script(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


def test_gcc_is_taken_before_the_others() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("NOT TESTED: gcc is missing")
    found = find_compiler()
    assert found.name == "gcc"
    assert found.version.startswith("gcc")


def test_without_any_the_ways_to_get_one_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SdkError, match=r"no compiler.*gcc.*clang.*pip install ziglang"):
        find_compiler()
    with pytest.raises(SdkError, match=r"--cc zig: it is not here.*pip install ziglang"):
        find_compiler("zig")


def test_one_that_cannot_build_for_an_i386_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As gcc on another processor, which does not know -m32."""
    script(tmp_path, "gcc", 'echo "unrecognized option -m32" >&2; exit 1')
    script(tmp_path, "clang", 'echo "clang version 99"')
    script(tmp_path, "ld.lld", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_compiler().name == "clang"
    assert find_compiler().version == "clang version 99"
    with pytest.raises(SdkError, match="--cc gcc: it is not here, or cannot build for an i386"):
        find_compiler("gcc")


def test_clang_without_a_linker_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script(tmp_path, "clang", "exit 0")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SdkError, match="--cc clang"):
        find_compiler("clang")
