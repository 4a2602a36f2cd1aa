"""The commands `hotswap-host sdk new|build|check|run` as they are typed."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from hotswap.host.__main__ import main
from hotswap.host.sdk.errors import SdkError
from hotswap.host.sdk.toolchain import find_compiler

UART = str(Path(__file__).parents[1] / "examples" / "uart16550" / "uart16550.o")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def in_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_from_nothing_to_a_card_that_ticks(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        compiler = find_compiler()
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    assert main(["sdk", "new", "bell"]) == 0
    assert "next: cd bell && hotswap-host sdk build && pytest" in capsys.readouterr().out
    assert main(["sdk", "build", "bell"]) == 0
    assert f"by {compiler.name} (" in capsys.readouterr().out
    assert main(["sdk", "check", "bell/bell.o"]) == 0
    assert "resources  ports 0x02a0-0x02a1; IRQ 5\nor " in capsys.readouterr().out
    steps = ["--in", "0x2a0", "--out", "0x2a1=20", "--wait", "20ms", "--in", "0x2a0"]
    assert main(["sdk", "run", "bell/bell.o", "--set", "first=7", *steps]) == 0
    assert [line.split(" ms  ")[-1] for line in capsys.readouterr().out.splitlines()] == [
        "card bell: ports 0x02a0-0x02a1; IRQ 5", "in 0x02a0: 0x07", "out 0x02a1: 0x14",
        "wait 20 ms", "IRQ 5 up", "output b'tick\\n'", "in 0x02a0: 0x08", "IRQ 5 down",
    ]  # fmt: skip


def test_what_goes_wrong_is_one_line_or_an_answer_in_json(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sdk", "new", "9bells"]) == 1
    assert capsys.readouterr().err.startswith("hotswap-host: '9bells' is no name for a card")
    assert main(["sdk", "new", "9bells", "--json"]) == 1
    answer = in_json(capsys)
    assert answer["ok"] is False
    assert "is no name for a card" in answer["error"]
    for words in (["run", "nope.o"], ["run", "uart", "--sandbox", "process"], ["build", "nope"]):
        assert main(["sdk", *words, "--json"]) == 1
        assert in_json(capsys).keys() == {"ok", "error", "todo"}
    assert main(["sdk", "build", "nowhere"]) == 1
    assert "nowhere: there is no such file or folder" in capsys.readouterr().err
    assert main(["sdk", "run", "nowhere.o", "--in", "1"]) == 1
    assert "nowhere.o: No such file" in capsys.readouterr().err
    assert main(["sdk", "run", "urat", "--in", "1"]) == 1
    assert "did you mean uart?" in capsys.readouterr().err
    assert main(["sdk", "run", UART, "--set", "base=1", "--in", "1"]) == 1
    assert "card uart has no such setting" in capsys.readouterr().err


def test_faults_of_an_object_are_listed_with_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "card.o").write_bytes(b"nothing of the kind")
    assert main(["sdk", "check", "card.o"]) == 1
    assert "card.o: no ELF file" in capsys.readouterr().err
    assert main(["sdk", "check", "card.o", "--json"]) == 1
    answer = in_json(capsys)
    assert answer["ok"] is False
    assert answer["error"] == "; ".join(answer["result"]["faults"])
    assert main(["sdk", "check", UART, "--json"]) == 0
    answer = in_json(capsys)
    assert answer["ok"] is True
    assert answer["result"]["card"]["name"] == "uart"


def test_a_card_in_python_is_tried_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    steps = ["--out", "0x2ff=0x77", "--in", "0x2ff:1", "--out=0x2f8=0x41"]
    status = main(["sdk", "run", "uart", "--set", "base=0x2f8", "--set", "irq=3", *steps, "--json"])
    assert status == 0
    answer = in_json(capsys)["result"]
    assert (answer["card"], answer["ports"], answer["irqs"]) == ("uart", ["0x02f8-0x02ff"], [3])
    assert [event["what"] for event in answer["events"]] == ["out", "in", "out", "output"]
    assert answer["events"][1]["value"] == 0x77
    assert answer["events"][3]["text"] == "A"
    assert answer["fault"] is None


def test_a_script_is_read_line_by_line(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "steps").write_text("# the line status\nhelp\nin 0x3fd\n\nquit\nin 0x3f8\n")
    assert main(["sdk", "run", UART, "--script", "steps"]) == 0
    assert capsys.readouterr().out.count("in 0x") == 1
    (folder / "steps").write_text("in 0x3fd\nfrob\n")
    assert main(["sdk", "run", UART, "--script", "steps"]) == 1
    assert "steps, line 2: 'frob' is no step" in capsys.readouterr().err
    monkeypatch.setattr("sys.stdin", io.StringIO("in 0x3fd\n"))
    assert main(["sdk", "run", UART, "--script", "-"]) == 0
    assert "in 0x03fd: 0x60" in capsys.readouterr().out


def test_at_a_terminal_steps_are_asked_for_and_mistakes_forgiven(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = iter(["help", "frob", "in 0x3fd", "quit"])
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: next(typed))
    assert main(["sdk", "run", UART]) == 0
    said = capsys.readouterr()
    assert "let machine time pass" in said.out
    assert "'frob' is no step" in said.err
    assert "in 0x03fd: 0x60" in said.out


def test_a_card_that_fails_ends_with_status_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        find_compiler()
    except SdkError as error:
        pytest.skip(f"NOT TESTED: {error}")
    (folder / "wild.c").write_text(
        '#include "hotswap_card.h"\n'
        "static uint32_t read(uint32_t port, uint32_t width)\n"
        "{\n"
        "\treturn *(volatile uint32_t *)(port + width);\n"
        "}\n"
        "static const struct hotswap_resources places[] = {{.ports = {{0x300, 1}}}};\n"
        'HOTSWAP_CARD("wild", "1", .resources = places, .resource_count = 1, .read = read);\n'
    )
    assert main(["sdk", "build", "wild.c"]) == 0
    capsys.readouterr()
    assert main(["sdk", "run", "wild.o", "--in", "0x300"]) == 1
    said = capsys.readouterr().out
    assert "fault card wild in slot 0" in said
    assert "read" in said
    assert "in 0x0300: 0xff" in said
