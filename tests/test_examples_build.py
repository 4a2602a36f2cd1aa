"""The committed images are what examples/build.py makes of the committed sources."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


def build(*arguments: str, path: str | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "build.py"), *arguments]
    environment = None if path is None else {"PATH": path}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=environment)


def test_the_images_are_rebuilt_byte_for_byte() -> None:
    if shutil.which("gcc") is None:
        pytest.skip("NOT TESTED: rebuilding needs gcc (apt install gcc make binutils)")
    done = build("--check", "initrd", "bootstrap", "guests", "cards", "elf")
    if "gcc -m32 does not work here" in done.stderr or "these from" in done.stdout:
        pytest.skip(f"NOT TESTED: another compiler: {done.stdout}{done.stderr}")
    assert done.stdout.endswith("images are as committed\n"), done


def test_without_a_compiler_it_says_what_to_install(tmp_path: Path) -> None:
    done = build("initrd", path=str(tmp_path))
    assert "gcc is not installed: on Debian, apt install gcc make binutils" in done.stderr
    assert done.returncode == 2


def test_an_unknown_part_is_named() -> None:
    done = build("initrd", "flopy")
    assert (
        "no part flopy; there are kernels, initrd, bootstrap, bench, guests, cards, elf"
        in done.stderr
    )
    assert done.returncode == 2
