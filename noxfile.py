"""The checks, one session each: `nox -l` lists them, `nox -s lint types` runs some.

`.ci/run` runs the same sessions with `--no-venv` in one environment it has made itself.
"""

from pathlib import Path

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["tests", "lint", "types", "guests", "teeth"]

PROJECT = nox.project.load_toml("pyproject.toml")
DEV = nox.project.dependency_groups(PROJECT, "dev")
GUEST_TESTS = (
    "tests/switchover",
    "tests/test_examples_build.py",
    "tests/test_examples_initrd.py",
    "tests/test_examples_soundblaster.py",
    "tests/test_examples_uart16550.py",
    "tests/test_examples_vlbscreen.py",
    "tests/test_host_cli.py",
)
COMPILER_TESTS = (
    "tests/test_host_sdk_build.py",
    "tests/test_host_sdk_compilers.py",
    "tests/test_host_sdk_header.py",
)


def install(session: nox.Session, *requirements: str) -> None:
    """Install into the session's environment; with --no-venv everything is there already."""
    if session.venv_backend != "none":
        session.install(*requirements)


def images() -> dict[Path, bytes]:
    """Everything built that is committed."""
    folders = ("cards", "examples", "host", "switchover", "tests")
    kinds = {".bin", ".cpio", ".elf", ".o"}
    files = (path for folder in folders for path in Path(folder).rglob("*") if path.suffix in kinds)
    return {path: path.read_bytes() for path in files if "build" not in path.parts}


def pytest(session: nox.Session, *arguments: str) -> None:
    """Run tests; `-P` keeps the folders of the checkout from hiding other packages."""
    session.run("python", "-P", "-m", "pytest", *arguments)


@nox.session
def tests(session: nox.Session) -> None:
    """The whole suite."""
    install(session, "-e", ".[test]")
    pytest(session, *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Style, import rule, declared dependencies."""
    install(session, "-e", ".", *DEV)
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("lint-imports")
    session.run("deptry", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Both type checkers."""
    install(session, "-e", ".[test]", *DEV)
    session.run("mypy")
    session.run("pyright")


@nox.session
def guests(session: nox.Session) -> None:
    """Rebuild every guest image with gcc, in place, and test with what is not as it was.

    Images that are, byte for byte, are those the suite has been through. `-- ARGUMENTS` of pytest
    test in any case.
    """
    install(session, "-e", ".[test]")
    before = images()
    session.run("python", "examples/build.py")
    if images() == before and not session.posargs:
        session.log("every image is, byte for byte, the one there was")
        return
    pytest(session, *GUEST_TESTS, *session.posargs)


@nox.session
def compilers(session: nox.Session) -> None:
    """Cards in C and assembly by the zig wheel (100 MB to fetch) as well as by gcc."""
    install(session, "-e", ".[test]", "ziglang")
    pytest(session, *COMPILER_TESTS, *session.posargs)


@nox.session
def teeth(session: nox.Session) -> None:
    """Break named lines one at a time: each must make a test fail. `-- --quick` for a few."""
    install(session, "-e", ".[test]")
    session.run("python", "tests/teeth.py", *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure this host, side by side with the bare engine. `-- --json` for machines."""
    install(session, "-e", ".")
    session.run("hotswap-host", "bench", *session.posargs)


@nox.session
def campaign(session: nox.Session) -> None:
    """The property tests for as long as you like: many more examples than on every change."""
    install(session, "-e", ".[test]")
    pytest(session, "-m", "hypothesis", "--hypothesis-profile=campaign", *session.posargs)


@nox.session
def systems(session: nox.Session) -> None:
    """Real systems, all rungs of docs/systems.md; the last, 50 MB to fetch, runs only here."""
    install(session, "-e", ".[test]")
    session.run("python", "examples/workloads.py")
    session.run("python", "examples/workloads.py", "linux-686")
    env = {"HOTSWAP_HOST_WORKLOADS_REQUIRED": "1"}
    tests = ["tests/systems", "tests/systems/rung_8.py", *session.posargs]
    session.run("python", "-P", "-m", "pytest", *tests, env=env)


@nox.session
def dist(session: nox.Session) -> None:
    """An sdist, the wheel built from it, and a look at what is in them."""
    install(session, *DEV)
    folder = session.posargs[0] if session.posargs else session.create_tmp()
    session.run("python", "-m", "build", "--outdir", folder, ".")
    session.run("python", ".ci/check_dist.py", folder)
