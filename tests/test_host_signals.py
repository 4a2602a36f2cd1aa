"""SIGTERM, SIGHUP and Ctrl-C end a command alike, at whatever it is."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from hotswap.host.exits import Exit
from hotswap.host.signals import ended_like_ctrl_c, signal_name

COMMAND = str(Path(sys.executable).with_name("hotswap-host"))
ENDING = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_a_campaign_ends_with_its_summary_and_leaves_no_folder(
    tmp_path: Path, number: signal.Signals
) -> None:
    words = [COMMAND, "--log", "info", "prove", "alternations"]
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stderr is not None
        assert "card inserted" in process.stderr.readline()
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert process.returncode == Exit.INTERRUPTED, said
    assert "before it was interrupted" in out
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ENDING, ids=lambda number: number.name)
def test_each_is_a_keyboard_interrupt(number: signal.Signals) -> None:
    with pytest.raises(KeyboardInterrupt), ended_like_ctrl_c():
        signal.raise_signal(number)


def test_what_signals_did_before_they_do_afterwards() -> None:
    before = [signal.getsignal(number) for number in ENDING]
    with ended_like_ctrl_c():
        assert [signal.getsignal(number) for number in ENDING] != before
    assert [signal.getsignal(number) for number in ENDING] == before


def test_nohup_is_respected() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with ended_like_ctrl_c():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_in_the_background_of_a_script_sigterm_ends_it_though_sigint_was_ignored() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(KeyboardInterrupt), ended_like_ctrl_c():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_every_signal_has_a_name() -> None:
    names = [signal_name(number) for number in range(1, signal.NSIG)]
    assert len(set(names)) == len(names)
    assert names[9 - 1] == "SIGKILL"
    assert names[40 - 1] == "signal 40"
