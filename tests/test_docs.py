"""The documents say what the code does: tables, links, excerpts, commands; examples are run."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import click
import msgspec
import pytest
import trio

from hotswap.host.__main__ import main_group
from hotswap.host.board import Board
from hotswap.host.control import Request, serve_control
from hotswap.host.daemon.log_line import LogLine
from hotswap.host.daemon.words import (
    CardStatus,
    DaemonRequest,
    DaemonStatus,
    MachineEvent,
    MachineStatus,
)
from hotswap.host.history.record import Moment, Record
from hotswap.host.images import refkernel, shipped
from hotswap.host.operator import answer_for, replied_for
from hotswap.host.rehearsal import Rehearsal, Summary
from hotswap.switchover.phases import Phase
from hotswap.switchover.plan import Plan
from hotswap.switchover.report import PhaseEvent, Report

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "examples/README.md")]
DOCUMENTS += [ROOT / "examples" / name / "README.md" for name in ("refkernel", "initrd")]
DOCUMENTS += [
    ROOT / "examples" / name / "README.md" for name in ("uart16550", "soundblaster", "vlbscreen")
]
DOCUMENTS += sorted((ROOT / "examples").glob("*-card/README.md"))
DOCUMENTS += sorted((ROOT / "docs").rglob("*.md"))
FENCE = re.compile(r"(?:<!-- file: (\S+) -->\n)?```(\w+)\n(.*?)```", re.DOTALL)


class Block(NamedTuple):
    """A fenced block of a document; `file` is what it says it is an excerpt of."""

    document: Path
    file: str
    language: str
    text: str

    def __str__(self) -> str:
        first = self.text.strip().split("\n")[0]
        return f"{self.document.relative_to(ROOT)}: {first[:40]}"


def blocks(*languages: str) -> list[Block]:
    return [
        Block(document, *(part or "" for part in match))
        for document in DOCUMENTS
        for match in FENCE.findall(document.read_text())
        if match[1] in languages
    ]


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tables = load(ROOT / "docs" / "tables.py")
EXCERPTS = [block for block in blocks("python", "toml", "c", "ld") if block.file]
EXAMPLES = [block for block in blocks("python") if not block.file]
TESTS = [block for block in EXAMPLES if "def test_" in block.text]
CLIENTS = [block for block in EXAMPLES if "HOTSWAP_HOST_CONTROL" in block.text]
SCRIPTS = [block for block in EXAMPLES if block not in TESTS + CLIENTS]


@pytest.mark.parametrize("document", tables.DOCUMENTS, ids=lambda path: path.name)
def test_the_tables_are_what_the_code_says(document: Path) -> None:
    text = document.read_text()
    assert text == tables.renewed(text), "run `python docs/tables.py`"


def test_the_timeline_is_a_measured_switchover_with_every_phase() -> None:
    drawn = ElementTree.parse(ROOT / "docs" / "timeline.svg")
    texts = [text.text or "" for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert set(texts) >= {phase.name for phase in Phase}
    assert sum(text.endswith(" ms") for text in texts) == 1 + len(Phase)


def test_every_table_is_in_some_document() -> None:
    text = "".join(document.read_text() for document in tables.DOCUMENTS)
    assert set(re.findall(r"<!-- table: (.*) -->", text)) == set(tables.TABLES)


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (Report, "control.md"), (PhaseEvent, "control.md"), (Request, "control.md"),
        (Rehearsal, "control.md"), (Summary, "control.md"), (Plan, "switchover.md"),
        (Record, "history.md"), (Moment, "history.md"),
        (DaemonRequest, "daemon.md"), (DaemonStatus, "daemon.md"), (MachineStatus, "daemon.md"),
        (MachineEvent, "daemon.md"), (CardStatus, "daemon.md"), (LogLine, "daemon.md"),
    ],
)  # fmt: skip
def test_every_key_of_an_answer_in_json_is_documented(kind: type, document: str) -> None:
    text = (ROOT / "docs" / document).read_text()
    keys = {field.encode_name for field in msgspec.structs.fields(kind)}
    assert {key for key in keys if not re.search(rf'`{key}`|"{key}"', text)} == set()


def headings(document: Path) -> set[str]:
    """The anchors of a document as GitHub makes them."""
    found = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line).lower().replace(" ", "-") for line in found}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = document.parent / name if name else document
        assert target.exists(), link
        assert not anchor or anchor in headings(target), link


def test_every_test_that_is_named_as_a_proof_exists() -> None:
    named = set(re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "docs/conformance.md").read_text()))
    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_every_document_is_reached_from_the_index() -> None:
    reached, todo = set(), [ROOT / "README.md"]
    while todo:
        document = todo.pop()
        if document in reached or document.suffix != ".md":
            continue
        reached.add(document)
        for link in re.findall(r"\]\(([^)#:]+)", document.read_text()):
            target = (document.parent / link).resolve()
            todo.append(target / "README.md" if target.is_dir() else target)
    assert set(DOCUMENTS) <= reached


@pytest.mark.parametrize("block", EXCERPTS, ids=str)
def test_an_excerpt_is_in_its_file(block: Block) -> None:
    assert block.text in (ROOT / block.file).read_text()


def commands() -> Iterator[tuple[Path, str]]:
    """Every call of hotswap-host in a block of shell, an indented line or a sentence."""
    for block in blocks("sh"):
        for line in block.text.replace("\\\n", "").splitlines():
            if line.startswith("hotswap-host "):
                yield block.document, line
    for document in DOCUMENTS:
        pattern = r"^ {4}(hotswap-host .*)$|`(hotswap-host [^`]*)`"
        for indented, quoted in re.findall(pattern, document.read_text(), re.MULTILINE):
            yield document, indented or quoted.partition("|")[0]


@pytest.mark.parametrize(("document", "line"), list(commands()))
def test_a_command_in_the_documents_has_options_that_exist(document: Path, line: str) -> None:
    _, name, *arguments = shlex.split(line, comments=True)
    assert name in main_group.list_commands(click.Context(main_group)), f"{document}: {line}"
    command = main_group.get_command(click.Context(main_group), name)
    assert command is not None
    try:
        command.make_context(name, arguments)
    except (click.MissingParameter, click.exceptions.NoArgsIsHelpError, click.exceptions.Exit):
        pass  # only named, in a sentence; or all it does is print something
    except click.ClickException as error:
        pytest.fail(f"{document.name}: {line}: {error.format_message()}")


def test_the_readme_has_one_command_to_see_it_and_one_to_test_it() -> None:
    found = re.findall(
        r"^python3 -m venv .*&& (\S+)(.*)$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert found == [(".venv/bin/hotswap-host", " demo"), (".venv/bin/pytest", " -n auto")]


def run(*command: str, cwd: Path) -> str:
    """Run to a good end; what it printed."""
    done = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("block", SCRIPTS, ids=str)
def test_an_example_runs(block: Block, tmp_path: Path) -> None:
    run(sys.executable, "-c", block.text, cwd=tmp_path)


@pytest.mark.parametrize("block", TESTS, ids=str)
def test_an_example_of_a_test_passes(block: Block, tmp_path: Path) -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    (tmp_path / "pytest.ini").write_text(
        f"[pytest]\ntrio_mode = {options['trio_mode']}\nfilterwarnings = error\n"
    )
    (tmp_path / "test_example.py").write_text(block.text)
    command = [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    assert "passed" in run(*command, "--import-mode=importlib", cwd=tmp_path)


@pytest.mark.parametrize("block", CLIENTS, ids=str)
async def test_an_example_of_a_client_talks_to_a_machine(
    block: Block, board: Board, tmp_path: Path
) -> None:
    control = tmp_path / "control"
    board.boot(refkernel(1), initrd=shipped("initrd.cpio"), append="init=/bin/init stay")
    await board.nursery.start(serve_control, control, answer_for(board), replied_for(board))
    client = await trio.run_process(
        [sys.executable, "-c", block.text],
        env=os.environ | {"HOTSWAP_HOST_CONTROL": str(control)},
        capture_stdout=True,
    )
    assert "/no/such/kernel" in client.stdout.decode()
    with trio.fail_after(30):
        assert (await board.ended()).status == 0
