"""`hotswap-host card list --available`: what could be inserted, without a machine or an import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
import trio
from click.testing import CliRunner, Result

from hotswap.host.__main__ import main
from hotswap.host.backends import BackEndError
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.card_cli import card_command
from hotswap.host.control import Reply, Request, serve_control
from hotswap.host.discovery import offers
from hotswap.host.exits import Exit
from hotswap.host.far_end import absolute
from hotswap.host.operator import answer_for

UART = Path(__file__).parents[1] / "examples" / "uart16550" / "uart16550.o"


def hotswap(*words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Run `hotswap-host` where distributions in `path` are installed, too."""
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "hotswap.host", *words],
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


@pytest.fixture
def with_a_bomb(tmp_path: Path) -> Path:
    """A folder with a distribution whose module ends the process that imports it."""
    metadata = tmp_path / "their_bomb-2.5.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-bomb\nVersion: 2.5\n")
    (metadata / "entry_points.txt").write_text("[hotswap.cards]\nbomb = their_bomb\n")
    (tmp_path / "their_bomb.py").write_text("import os\nos._exit(77)\n")
    return tmp_path


def test_what_is_available_is_listed_without_importing_a_plugin(with_a_bomb: Path) -> None:
    listed = hotswap("card", "list", "--available", "--json", path=with_a_bomb)
    assert listed.returncode == 0, listed.stderr
    cards = {card["name"]: card for card in json.loads(listed.stdout)}
    assert cards["bomb"] == {
        "name": "bomb", "module": "their_bomb", "distribution": "their-bomb", "version": "2.5",
    }  # fmt: skip
    assert cards.keys() - {"bomb"} == {offer.name for offer in offers()}
    imported = {line.rpartition("|")[2].strip() for line in listed.stderr.splitlines()}
    assert "hotswap.host.discovery" in imported
    assert not {name for name in imported if name.startswith(("hotswap.cards.", "their_bomb"))}


def test_it_is_a_table_for_people(with_a_bomb: Path) -> None:
    listed = hotswap("card", "list", "--available", path=with_a_bomb)
    assert listed.returncode == 0, listed.stderr
    header, *rows = (line.split() for line in listed.stdout.splitlines())
    assert header == ["name", "module", "distribution", "version"]
    assert ["bomb", "their_bomb", "their-bomb", "2.5"] in rows


# -- a running machine --------------------------------------------------------------------------


@asynccontextmanager
async def machine(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Result]]]:
    """Runs `hotswap-host card` on a machine, as somebody else's process would."""
    socket = tmp_path / "control"
    async with open_board(BoardConfig(memory=1, switchover=False)) as board:
        await board.nursery.start(serve_control, socket, answer_for(board))

        async def card(*words: str) -> Result:
            command = [*words, "--control", str(socket)]
            return await trio.to_thread.run_sync(
                partial(CliRunner().invoke, card_command, command, standalone_mode=False)
            )

        yield card
        board.nursery.cancel_scope.cancel()


async def test_cards_are_listed_for_people(tmp_path: Path) -> None:
    async with machine(tmp_path) as card:
        said = (await card("list")).output
    header, *rows = said.splitlines()
    assert header.split() == ["slot", "card", "kind", "version", "resources", "policy", "state"]
    assert any(row.split()[:3] == ["3", "uart", "python"] for row in rows), said


async def test_a_card_comes_is_looked_at_replaced_and_goes(tmp_path: Path) -> None:
    async with machine(tmp_path) as card:
        inserted = await card("insert", "uart", "--slot", "9", "--set", "base=0x2f8",
                              "--set", "irq=3")  # fmt: skip
        assert inserted.output == "uart in slot 9 inserted: ports 0x02f8-0x02ff; IRQ 3\n"
        info = (await card("info", "9")).output
        assert "in slot 9, running" in info
        assert "base" in info
        replaced = await card("replace", "9", str(UART), "--json")
        assert json.loads(replaced.output)["result"]["implementation"] == "elf"
        assert "uart 1" in (await card("info", "9")).output
        assert (await card("remove", "9")).output.startswith("uart in slot 9 removed")
        assert (await card("remove", "9")).return_value == Exit.FAILED


async def test_what_is_wrong_is_said_with_status_1(tmp_path: Path) -> None:
    async with machine(tmp_path) as card:
        for words, said in (
            (("insert", "uart"), "port 0x03f8 (of 0x03f8-0x03ff) is taken by card uart in slot 3"),
            (("insert", "/none.o"), "/none.o: No such file or directory"),
            (("set", "uart", "irq=5"), "irq cannot be changed while it is plugged in"),
            (("info", "urat"), "did you mean uart?"),
        ):
            result = await card(*words)
            assert result.return_value == Exit.FAILED
            assert said in result.output


async def test_relative_paths_are_those_of_who_asks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(UART.parent)
    async with machine(tmp_path) as card:
        assert "ports 0x02f8" in (await card("insert", UART.name)).output


async def test_settings_and_files_are_sent_as_who_types_them_means_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[Request] = []

    async def answer(request: Request, _tell: object) -> Reply:
        asked.append(request)
        return Reply(request.op == "info", error="seen")

    words = ["insert", "uart", "base=0x2f8", "--set", "irq=3", "--to", "com2"]
    async with trio.open_nursery() as nursery:
        await nursery.start(serve_control, tmp_path / "control", answer)
        await trio.to_thread.run_sync(
            CliRunner().invoke, card_command, [*words, "--control", str(tmp_path / "control")]
        )
        nursery.cancel_scope.cancel()
    info, request = asked
    assert info.op == "info"  # whether anybody is there
    assert request.settings == {"base": "0x2f8", "irq": "3"}
    assert request.to == str(tmp_path / "com2")


def test_only_what_is_a_file_gets_its_whole_path(tmp_path: Path) -> None:
    assert absolute("peer:10.0.0.1") == "peer:10.0.0.1"
    assert absolute(str(tmp_path / "a:b")) == str(tmp_path / "a:b")
    with pytest.raises(BackEndError, match=r"as \./com:2"):
        absolute("com:2")


async def test_piped_a_card_is_a_line_and_counters_of_nothing_are_left_out(tmp_path: Path) -> None:
    async with machine(tmp_path) as card:
        listed, info = (await card("list")).output, (await card("info", "uart")).output
        cards = json.loads((await card("list", "--json")).output)["result"]
    assert len(listed.splitlines()) == 1 + len(cards)
    assert "sent" not in info


@pytest.mark.parametrize(
    "words", [("list",), ("info", "uart"), ("remove", "3"), ("insert", "uart", "--to", "x:1")]
)
def test_with_json_what_is_wrong_is_json_too(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["card", *words, "--json", "--control", "/none"]) == Exit.FAILED
    said = capsys.readouterr()
    answer = json.loads(said.out)
    assert answer.keys() == {"ok", "error", "todo"}
    assert answer["ok"] is False
    assert said.err == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("insert", "uart", "--set", "base"), "'base' is no KEY=VALUE"),
        (("insert", "uart", "--slot", "256"), "256 is not in the range"),
        (("set", "uart"), "Missing argument"),
        (("insert", "uart", "--sandbox", "jail"), "'jail' is not one of"),
    ],
)
def test_a_command_line_that_is_wrong_is_no_request(words: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(card_command, [*words, "--control", "/nowhere"])
    assert result.exit_code == Exit.USAGE
    assert said in result.output


def test_a_card_in_a_file_is_described_without_a_machine() -> None:
    result = CliRunner().invoke(card_command, ["info", str(UART)])
    assert "uart" in result.output
    assert "ports 0x03f8-0x03ff" in result.output
