"""Do the tests bite? Breaks one line at a time and requires that a test then fails.

    python tests/teeth.py [--quick] [NAME ...]

The mutants are in tests/mutants.toml. Each is applied to a copy of the checkout, two copies at a
time; the checkout itself is not touched. Exit status 0 only when every mutant was killed.
"""

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "tests" / "mutants.toml"
COPIES = 2
SECONDS = 300
IGNORED = shutil.ignore_patterns(
    ".git", ".venv", ".nox", ".hypothesis", ".*_cache", "__pycache__", "build", "dist", "*.egg-info"
)
PASSED, FAILED = 0, 1  # pytest's exit statuses; any other says that the tests did not run


class Mutant(NamedTuple):
    """One line of `file` that is broken, and the tests of which one must notice.

    `rebuild` is the Python command line that makes of the file what the tests run.
    """

    name: str
    file: str
    old: str
    new: str
    tests: Sequence[str]
    rebuild: Sequence[str] = ()
    quick: bool = False


class Verdict(NamedTuple):
    """What became of a mutant."""

    mutant: Mutant
    killed: bool
    how: str
    seconds: float


class TableError(Exception):
    """A mutant does not fit the tree, or a test fails without any mutant."""


def mutants() -> list[Mutant]:
    """The table."""
    return [Mutant(**row) for row in tomllib.loads(TABLE.read_text())["mutant"]]


def broken(mutant: Mutant, text: str) -> str:
    """The file's `text` with the line broken. Raises TableError when it is not there once."""
    if (found := text.count(mutant.old)) != 1:
        raise TableError(
            f"mutant {mutant.name!r}: its line is {found} times in {mutant.file}, should be there "
            f"once; bring tests/mutants.toml up to date"
        )
    return text.replace(mutant.old, mutant.new)


def pytest(
    tree: Path, tests: Iterable[str], seconds: float = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run tests of a copy, with the packages of that copy."""
    environment = os.environ | {"PYTHONPATH": str(tree / ".ns"), "PYTHONDONTWRITEBYTECODE": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-qx", "-p", "no:cacheprovider", *tests],
        cwd=tree,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=seconds,
        check=False,
    )


def copy(tree: Path) -> None:
    """Make `tree` a copy of the checkout."""
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT, tree, symlinks=True, ignore=IGNORED)


def judge(tree: Path, mutant: Mutant) -> Verdict:
    """Break the copy's file, run the tests, mend it. Raises TableError when it does not fit."""
    file = tree / mutant.file
    text = file.read_text()
    file.write_text(broken(mutant, text))
    began = time.monotonic()
    try:
        if mutant.rebuild:
            subprocess.run([sys.executable, *mutant.rebuild], cwd=tree, check=True)
        run = pytest(tree, mutant.tests)
    except subprocess.TimeoutExpired:
        return Verdict(mutant, True, "the tests hang", time.monotonic() - began)
    except subprocess.CalledProcessError:
        return Verdict(mutant, False, "does not build", time.monotonic() - began)
    finally:
        file.write_text(text)
        if mutant.rebuild:
            copy(tree)
    seconds = time.monotonic() - began
    if run.returncode < 0:
        return Verdict(mutant, True, f"the tests crash: signal {-run.returncode}", seconds)
    if run.returncode not in {PASSED, FAILED}:
        print(run.stdout)
        return Verdict(mutant, False, f"no test has run: status {run.returncode}", seconds)
    failed = re.search(r"^FAILED .*?::(.*?)( - |$)", run.stdout, re.MULTILINE)
    return Verdict(mutant, run.returncode == FAILED, failed[1] if failed else "", seconds)


def check_unbroken(tree: Path, chosen: Sequence[Mutant]) -> None:
    """The tests pass without a mutant. Raises TableError."""
    tests = list(dict.fromkeys(test for mutant in chosen for test in mutant.tests))
    run = pytest(tree, tests, SECONDS * len(tests))
    if run.returncode != PASSED:
        raise TableError(f"the tests fail without any mutant:\n{run.stdout}")


def bite(chosen: Sequence[Mutant]) -> list[Verdict]:
    """Judge every mutant and print one line for each."""
    with tempfile.TemporaryDirectory(prefix="teeth-") as folder:
        trees: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(COPIES):
            copy(Path(folder) / str(number))
            trees.put(Path(folder) / str(number))

        def next_one(mutant: Mutant) -> Verdict:
            tree = trees.get()
            try:
                verdict = judge(tree, mutant)
            finally:
                trees.put(tree)
            state = "killed  " if verdict.killed else "SURVIVED"
            print(f"{state} {verdict.seconds:6.1f} s  {mutant.name:<48} {verdict.how}", flush=True)
            return verdict

        tree = trees.get()
        check_unbroken(tree, chosen)
        trees.put(tree)
        with ThreadPoolExecutor(COPIES) as pool:
            return list(pool.map(next_one, chosen))


def main() -> int:
    """Run the mutants that are asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--quick", action="store_true", help="only those marked quick")
    parser.add_argument("name", nargs="*", help="only those with this text in their name")
    asked = parser.parse_args()
    chosen = [
        mutant
        for mutant in mutants()
        if (mutant.quick or not asked.quick)
        and (not asked.name or any(part in mutant.name for part in asked.name))
    ]
    if not chosen:
        parser.error("no mutant of that name; they are in tests/mutants.toml")
    try:
        verdicts = bite(chosen)
    except TableError as error:
        sys.stderr.write(f"teeth.py: {error}\n")
        return 2
    survivors = [verdict.mutant.name for verdict in verdicts if not verdict.killed]
    print(f"{len(verdicts) - len(survivors)} of {len(verdicts)} mutants were killed")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
