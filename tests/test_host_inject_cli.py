"""`hotswap-host inject` as a user meets it: a machine that runs, and every kind of fault."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap.host.__main__ import main
from hotswap.host.exits import Exit

COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
POLL = "66ba8000 ec ebfd"  # mov dx,80h ; again: in al,dx ; jmp again


@pytest.fixture(scope="module")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The control socket of a PC that reads port 80h for ever."""
    folder = tmp_path_factory.mktemp("machine")
    (folder / "guest.bin").write_bytes(bytes.fromhex(POLL))
    (folder / "machine.toml").write_text(
        '[boot]\nflat = "guest.bin"\naddress = 0x100000\n[[serial]]\nto = "none"\n'
    )
    socket = folder / "control"
    words = [COMMAND, "run", str(folder / "machine.toml"), "--control", str(socket)]
    process = subprocess.Popen(words)
    try:
        while not socket.exists():
            with contextlib.suppress(subprocess.TimeoutExpired):
                raise AssertionError(f"it ended with {process.wait(0.05)}")
        yield socket
    finally:
        process.kill()
        process.wait(60)


class Inject:
    """`hotswap-host inject` on that machine."""

    def __init__(self, control: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._control, self._capsys = control, capsys

    def __call__(self, *words: str) -> str:
        """What it prints when all is well."""
        assert main(["inject", *words, "--control", str(self._control)]) == Exit.OK
        return self._capsys.readouterr().out

    def refused(self, *words: str) -> tuple[int, str]:
        """Its exit status, and what it says on stderr."""
        status = main(["inject", *words, "--control", str(self._control)])
        return status, self._capsys.readouterr().err


@pytest.fixture
def inject(control: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Inject]:
    command = Inject(control, capsys)
    yield command
    command("clear", "--all")


EVERY_KIND = [
    ("drop --port 0x80 --in --every 3", "drop port 0x0080 in every 3"),
    ("delay --time 2us --port 0x80", "delay 2 us port 0x0080"),
    ("duplicate --port 128-0x80 --out", "duplicate port 0x0080 out"),
    ("corrupt --xor 0x81 --low 2 --port 0x80 --value 0x80/0x80", "corrupt xor 0x81 low 0x2 "
     "port 0x0080 value 0x80/0x80"),
    ("corrupt --high 1 --memory 0xb8000-0xb8fff --skip 1 --times 2", "corrupt high 0x1 "
     "memory 0x000b8000-0x000b8fff after 1 2 times"),
    ("lose-irq 0 --probability 0.5 --seed 3", "lose IRQ 0 p 0.5 seed 3"),
    ("delay-irq 4 --time 1.5ms", "delay 1.5 ms IRQ 4"),
    ("storm-irq 7 --period 1ms --times 5", "storm IRQ 7 every 1 ms 5 times"),
    ("lose-drq 4", "lose DRQ 4"),
    ("lose-tc 4", "lose TC of DRQ 4"),
    ("hang pit", "hang card pit"),
]  # fmt: skip


def test_every_kind_of_fault_is_injected_and_listed(inject: Inject) -> None:
    kinds = [row for row in EVERY_KIND if "memory" not in row[0]]
    for words, what in kinds:
        if "0x80" in words:
            inject("clear", "--all")
        assert inject(*words.split()).split(": ", 1)[1] == f"{what}\n"
    listed = inject("list")
    assert all(what in listed for _, what in kinds[-6:])


def test_counts_tell_what_has_been_hit(inject: Inject) -> None:
    number = (
        inject(*["drop", "--port", "0x80", "--every", "4", "--times", "3"]).split()[1].rstrip(":")
    )
    listed = {"hits": 0}
    while listed["hits"] < 3:
        (listed,) = json.loads(inject("list", "--json"))["result"]
    assert listed["spent"]
    assert inject("list").split()[-2:] == ["3", "spent"]
    assert "drop port 0x0080 every 4 3 times" in inject("clear", number)
    assert inject("list") == "nothing is injected\n"


def test_a_card_in_a_slot_is_killed_and_info_says_so(
    inject: Inject, control: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["info", "--json", "--control", str(control)])
    cards = json.loads(capsys.readouterr().out)["result"]["cards"]
    slot = next(card["slot"] for card in cards if card["card"] == "ferr")
    said = inject("kill", str(slot))
    assert f"kill card {slot}" in said
    main(["info", "--json", "--control", str(control)])
    cards = json.loads(capsys.readouterr().out)["result"]["cards"]
    (fault,) = (card["fault"] for card in cards if card["slot"] == slot)
    assert fault.startswith("InjectedFault: killed by injection")


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        ("drop", Exit.USAGE, "say where: --port or --memory"),
        ("drop --port 1 --memory 2", Exit.USAGE, "say where"),
        ("drop --port 0x1oo", Exit.USAGE, "'0x1oo' is no number"),
        ("drop --port 5-4", Exit.USAGE, "'--port': 5-4 ends before it begins; write 4-5"),
        ("drop --port 0x80 --every 0", Exit.USAGE, "every is 0"),
        ("delay --port 0x80 --time 1h", Exit.USAGE, "'1h' is no length of time"),
        ("delay --port 0x80 --time 1s", Exit.USAGE, "ns is 1000000000; use 1 to 10000000"),
        ("corrupt --port 0x80", Exit.USAGE, "corrupt needs bits"),
        ("clear", Exit.USAGE, "give the numbers of injections, or --all"),
        ("clear 0", Exit.USAGE, "numbered from 1"),
        ("clear 4711", Exit.FAILED, "there is no injection 4711"),
        ("drop --port 0x7777", Exit.FAILED, "no card answers at port 0x7777"),
        ("lose-irq 77", Exit.FAILED, "there is no IRQ 77; use 0 to 15"),
        ("hang disk", Exit.FAILED, "no card called disk is plugged in"),
        ("kill 99", Exit.FAILED, "slot 99 is empty"),
        ("drop --memory 0x100000", Exit.FAILED, "what is RAM has no bus cycles"),
    ],
)
def test_what_is_wrong_is_refused_by_name(
    words: str, status: int, why: str, inject: Inject
) -> None:
    got, said = inject.refused(*words.split())
    assert (got, why in said) == (status, True), said
