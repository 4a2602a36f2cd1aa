"""The fence around other people's plugins: what they do at import ends neither host nor machine.

Before a plugin is imported here for the first time it is imported, asked for its card, and the card
made and plugged into an empty board, in a process that is thrown away (`plugin_trial`). One that
hangs, ends its process, is killed, leaves a process or touches what is the host's is not imported
here at all. Known plugins, and those of hotswap-host itself, cost nothing.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import msgspec
import structlog

from hotswap.bus import HotswapError

from .plugin_trial import Step, Trial
from .signals import signal_name

LIMIT = 10.0
"""s for everything a plugin does until its card is plugged in."""
START = 30.0
"""s for Python itself to start, on a slow and busy host."""
CHILD = "import sys; sys.path[:] = {path!r}; from hotswap.host.plugin_trial import main; main()"
PLACE = re.compile(r'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
DOING = {
    "import": "at import",
    "hotswap_card": "in its hotswap_card()",
    "make": "when its card is made",
    "plug in": "when its card is plugged in",
    "done": "after its card is removed",
}


class PluginError(HotswapError):
    """A card plugin cannot be found, does not import or does not offer its card."""


@contextmanager
def fence(what: str) -> Iterator[None]:
    """Whatever a foreign module raises in here is a `PluginError`."""
    try:
        yield
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what}: {type(error).__name__}: {error}") from error


def try_plugin(
    whose: str, module: str, card: str, settings: Mapping[str, object], limit: float = LIMIT
) -> None:
    """Let a process of its own do what the plugin wants to do here; this one waits for it.

    `whose` is the card in words. Raises `PluginError` when that ends in any way but a good one.
    """
    try:
        job = msgspec.msgpack.encode(Trial(card, module, dict(settings), limit))
    except (TypeError, ValueError, OverflowError):
        job = msgspec.msgpack.encode(Trial(card, module, {}, limit))  # settings nobody can have
    with _memory_file(job) as stdin, _memory_file() as report:
        status = _run(stdin, report, limit + START)
        told = os.pread(report, os.fstat(report).st_size, 0).decode(errors="replace")
    lines = [line for line in told.splitlines() if line.startswith("{")]
    try:
        steps = [msgspec.json.decode(line, type=Step) for line in lines]
    except (msgspec.MsgspecError, RecursionError) as error:
        raise PluginError(f"{whose} writes to a descriptor that is the host's: {error}") from error
    left = any(step.doing == "left" for step in steps)
    last = next((step for step in reversed(steps) if step.doing != "left"), None)
    if last is None:
        raise PluginError(f"{whose}: the process to try it in does not start: {_ended(status)}")
    if last.why:
        raise PluginError(f"{whose} does not import: {last.why}")
    if last.doing != "done" or status:
        raise PluginError(f"{whose} {_misdeed(status, told, limit)} {DOING[last.doing]}")
    if left:
        raise PluginError(
            f"{whose} leaves a process behind, which is the host's business; start it in run()"
        )


@contextmanager
def _memory_file(content: bytes = b"") -> Iterator[int]:
    with os.fdopen(os.memfd_create("plugin-trial", os.MFD_CLOEXEC), "w+b") as file:
        file.write(content)
        file.seek(0)
        yield file.fileno()


def _run(stdin: int, report: int, seconds: float) -> int | None:
    """Run the child, and whatever it starts, to its end; its status, None when it took too long."""
    with subprocess.Popen(
        [sys.executable, "-c", CHILD.format(path=sys.path), str(report)],
        stdin=stdin,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        pass_fds=[report],
        start_new_session=True,
    ) as child:
        ended = os.pidfd_open(child.pid)
        asleep = select.poll()
        asleep.register(ended, select.POLLIN)
        try:
            in_time = asleep.poll(seconds * 1000)
        finally:
            os.close(ended)
            os.killpg(child.pid, signal.SIGKILL)  # it is there until it is waited for
    return child.returncode if in_time else None


def _misdeed(status: int | None, told: str, limit: float) -> str:
    """What the plugin did, from how its process ended and what faulthandler saw."""
    hung = status is None or "Timeout (" in told
    what = f"does not come back within {limit:g} s" if hung else _ended(status)
    if (place := PLACE.search(told)) is not None:
        what += f", in {place[3]} ({place[1]} line {place[2]}),"
    return what


def _ended(status: int | None) -> str:
    if status is None:
        return "it hangs"
    if status < 0:
        return f"is killed by {signal_name(-status)}"
    return f"ends its process with status {status}"


@contextmanager
def kept_from_stdout(card: str) -> Iterator[None]:
    """What is written to standard output in here is logged instead: others read it."""
    with os.fdopen(os.memfd_create("plugin-output", os.MFD_CLOEXEC), "w+b") as caught:
        own = _redirect(caught.fileno())
        try:
            with os.fdopen(os.dup(caught.fileno()), "w") as text, contextlib.redirect_stdout(text):
                yield
        finally:
            if own is not None:
                os.dup2(own, 1)
                os.close(own)
        caught.seek(0)
        if said := caught.read(200).decode(errors="replace"):
            structlog.get_logger().warning("plugin writes to standard output", card=card, said=said)


def _redirect(file: int) -> int | None:
    """Let descriptor 1 be `file`; what it was, None when there was none."""
    if sys.stdout is not None:
        sys.stdout.flush()
    try:
        own = os.dup(1)
    except OSError:
        return None
    os.dup2(file, 1)
    return own
