"""What a plugin does at import, and until its card is plugged in, harms nobody and is named."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import select
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trio
from structlog.testing import capture_logs

from hotswap.bus import Backplane, BusError, Card
from hotswap.host import plugin_fence
from hotswap.host.discovery import PluginError, card_type, fetch_card, make_card
from hotswap.host.logs import configure
from hotswap.host.plugin_fence import try_plugin

Install = Callable[[str, str], None]
HARP = """
import ctypes, os, signal, subprocess, sys, threading
from hotswap.bus import Card, PortRange, Resources, State, hookimpl
{at_import}

class Harp(Card[State]):
    name = "harp"
    state_type = State
    {api}

    def power_on(self):
        self.state = State()
        {made}

    def alternatives(self):
        {asked}
        return [Resources(ports=(PortRange(0x300, 1),))]

    def plugged(self, slot):
        {plugged}

@hookimpl
def hotswap_card(name):
    {offered}
    return Harp
"""
NOTHING = dict.fromkeys(("at_import", "api", "made", "asked", "plugged", "offered"), "pass")


def harp(**parts: str) -> str:
    return HARP.format(**NOTHING | parts)


def tried(limit: float = 10) -> str:
    """What `try_plugin` says of the harp."""
    with pytest.raises(PluginError) as refused:
        try_plugin("card harp", "harp", "harp", {}, limit)
    assert "harp" not in sys.modules
    return str(refused.value)


@pytest.fixture
def log_warnings() -> None:
    """Log as the command line does, not as tests do."""
    configure("warning")


def children() -> float:
    """CPU time of the processes that were started and have ended (s)."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("at_import", "at import"),
        ("offered", r"in its hotswap_card\(\)"),
        ("made", "when its card is made"),
        ("asked", "when its card is plugged in"),
        ("plugged", "when its card is plugged in"),
    ],
)
def test_a_plugin_that_hangs_is_named_with_the_line(
    install: Install, where: str, told: str
) -> None:
    install("harp", source := harp(**{where: "while True: pass"}))
    line = source[: source.index("while True")].count("\n") + 1
    expected = rf"card harp does not come back within 0.2 s, in \S+ \(.*harp.py line {line}\), "
    assert re.search(expected + told, tried(limit=0.2))


@pytest.mark.parametrize(
    ("at_import", "told"),
    [
        ("os._exit(3)", "card harp ends its process with status 3 at import"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "card harp is killed by SIGKILL at import"),
        ("os.kill(os.getpid(), 40)", "card harp is killed by signal 40 at import"),
        ("os.kill(os.getppid(), 9)", "card harp is killed by SIGKILL"),
        (
            "for fd in range(3, 4096):\n try: os.write(fd, b'{...\\n')\n except OSError: pass",
            "card harp writes to a descriptor that is the host's: JSON is malformed",
        ),
        ("raise KeyboardInterrupt", "card harp does not import: KeyboardInterrupt"),
        ("def f(): f()\nf()", "card harp does not import: RecursionError: maximum recursion"),
        ("threading.Thread(target=signal.pause, daemon=True).start()", "it starts a thread, which"),
        ("subprocess.Popen(['sleep', '60'])", "it starts a process, which is the host's business"),
        ("signal.signal(signal.SIGINT, signal.SIG_IGN)", "it changes a signal handler, which is"),
        ("os.chdir('/')", "it changes the working folder, which is the host's business"),
    ],
)
def test_a_plugin_that_would_harm_the_host_is_not_imported(
    install: Install, at_import: str, told: str
) -> None:
    install("harp", harp(at_import=at_import))
    assert told in tried()
    assert Path.cwd() != Path("/")
    assert signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_a_process_that_does_not_start_is_not_waited_for(
    install: Install, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install("harp", harp())
    monkeypatch.setattr(plugin_fence, "START", 0.1)
    monkeypatch.setattr(sys, "executable", str(python := tmp_path / "python"))
    python.write_text("#!/bin/sh\nsleep 600\n")
    python.chmod(0o755)
    assert tried(limit=0.1) == "card harp: the process to try it in does not start: it hangs"


def test_a_plugin_that_crashes_is_named_with_the_line(install: Install) -> None:
    install("harp", harp(at_import="ctypes.string_at(0)"))
    assert "card harp is killed by SIGSEGV, in string_at (" in tried()


def test_what_a_plugin_prints_is_logged_and_not_on_standard_output(
    install: Install, capfd: pytest.CaptureFixture[str], log_warnings: None
) -> None:
    install("harp", harp(at_import="print('twang'); os.write(1, b'plonk')"))
    with capture_logs() as logged:
        make_card("harp")
    print("and again")
    assert capfd.readouterr() == ("and again\n", "")
    (entry,) = logged
    assert entry["event"] == "plugin writes to standard output"
    assert (entry["card"], entry["said"]) == ("harp", "plonktwang\n")


def test_a_known_plugin_and_a_built_in_one_cost_nothing(install: Install) -> None:
    install("harp", harp())
    before = children()
    make_card("harp")
    once = children()
    assert once > before
    make_card("harp")
    make_card("uart")
    assert children() == once


async def test_a_machine_goes_on_while_a_plugin_is_tried(install: Install) -> None:
    install("harp", harp(at_import="os._exit(5)"))
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await trio.sleep(0.001)
            ticks += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(tick)
        with pytest.raises(PluginError, match=r"^card harp \(harp, from their-harp\) ends its"):
            await fetch_card("harp")
        nursery.cancel_scope.cancel()
    assert ticks > 10
    assert issubclass(card_type("uart"), Card)


async def test_a_card_that_only_this_board_refuses_is_refused_by_it(
    install: Install, backplane: Backplane
) -> None:
    install("harp", harp())
    await backplane.insert(await fetch_card("harp"))
    with pytest.raises(BusError, match=r"port 0x0300 .* taken by card harp in slot 0"):
        await backplane.insert(await fetch_card("harp"))


@pytest.mark.parametrize(
    ("api", "told"),
    [
        ("(1, 1)", "is written for API 1.1 of hotswap.bus, this hotswap-host has 1.0; install a"),
        ("(2, 0)", "is written for API 2.0 .*; install a newer hotswap-host, or an older version"),
        ("(0, 9)", "is written for API 0.9 .*; install a newer version of the card, or an older"),
        ("'1.0'", r"its api is '1.0'; make it two numbers, as \(1, 0\)"),
    ],
)
def test_a_card_for_another_api_is_refused_by_name(install: Install, api: str, told: str) -> None:
    install("harp", harp(api=f"api = {api}"))
    with pytest.raises(BusError, match=f"^card harp:? ?{told}"):
        make_card("harp")


def test_a_trial_leaves_nothing_behind(install: Install, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    begin = f"open({str(pid)!r}, 'w').write(str(subprocess.Popen(['sleep', '600']).pid))"
    install("harp", harp(at_import=f"{begin}; os._exit(0)"))
    files = len(list(Path("/proc/self/fd").iterdir()))
    assert "ends its process with status 0" in tried()
    assert len(list(Path("/proc/self/fd").iterdir())) == files
    with contextlib.suppress(ProcessLookupError):
        sleeping = os.pidfd_open(int(pid.read_text()))
        assert select.select([sleeping], [], [], 60)[0] == [sleeping]  # it has ended
        os.close(sleeping)


DAEMON = """
middle = os.fork()
if not middle:
    os.setsid()
    if pid := os.fork():
        open({pid!r}, 'w').write(str(pid))
    else:
        signal.pause()
    os._exit(0)
os.waitpid(middle, 0)
{then}
"""


@pytest.mark.parametrize(
    ("where", "then", "told"),
    [
        ("at_import", "", "it starts a process, which is the host's business"),
        ("at_import", "os._exit(0)", "card harp ends its process with status 0 at import"),
        ("plugged", "", "card harp leaves a process behind, which is the host's business; start"),
    ],
)
def test_a_process_that_has_left_its_session_is_ended_and_its_plugin_refused(
    install: Install, tmp_path: Path, where: str, then: str, told: str
) -> None:
    daemon = DAEMON.format(pid=str(pid := tmp_path / "pid"), then=then)
    install("harp", harp(**{where: f"exec({daemon!r})"}))
    assert told in tried()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_a_plugin_that_switches_faulthandler_off_is_not_waited_for(install: Install) -> None:
    off = "import faulthandler; faulthandler.cancel_dump_traceback_later()"
    install("harp", harp(at_import=f"{off}\nwhile True: pass"))
    assert "does not come back within 0.2 s at import" in tried(limit=0.2)


def test_a_host_with_more_than_a_thousand_files_open_tries_plugins(install: Install) -> None:
    install("harp", harp())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(2048, hard)), hard))
    with contextlib.ExitStack() as files:
        files.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        for _ in range(1024):
            files.enter_context(Path(os.devnull).open())
        try_plugin("card harp", "harp", "harp", {})
