"""docs/sdk.md is typed as it stands: each command gives what is printed below it."""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.host.__main__ import main
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.steps import WORDS
from hotswap.host.sdk.toolchain import find_compiler

DOCUMENT = Path(__file__).parents[1] / "docs" / "sdk.md"
PYTEST = [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider"]


def typed() -> Iterator[tuple[str, str]]:
    """Each command of the document, and what it says comes of it."""
    text = "".join(re.findall(r"```console\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
    for command in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        if "<<'END'\n" in command:
            yield command, ""
        else:
            line, _, printed = command.partition("\n")
            yield line, printed


def pattern(printed: str) -> str:
    """`...` stands for anything, and a line of its own for any lines."""
    return re.escape(printed).replace(re.escape("..."), ".*")


def entered(command: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """What the shell, or what would be called by it, prints besides hotswap-host."""
    word, *arguments = shlex.split(command) if "\n" not in command else [command]
    if word == "cd":
        monkeypatch.chdir(arguments[0])
        return ""
    run = [*PYTEST, *arguments] if word == "pytest" else ["sh", "-c", command]
    done = subprocess.run(run, capture_output=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_is_typed_gives_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        find_compiler()
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    monkeypatch.chdir(tmp_path)
    count = 0
    for command, printed in typed():
        if command.startswith("hotswap-host "):
            main(shlex.split(command)[1:])
            said = capsys.readouterr().out
        else:
            said = entered(command, monkeypatch)
        assert re.fullmatch(pattern(printed), said, re.DOTALL), f"{command}\n{said}"
        count += 1
    assert count > 8


def test_every_step_of_the_bench_is_documented() -> None:
    words = {line.split()[0] for line in WORDS.splitlines() if line.startswith("    ")}
    table = set(re.findall(r"^\| `(\w+)", DOCUMENT.read_text(), re.MULTILINE))
    assert len(words) == 9
    assert words <= table
