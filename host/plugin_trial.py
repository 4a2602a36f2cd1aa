"""What a plugin does when it is imported and its card is made, tried in a process of its own.

`plugin_fence` starts it, with a `Trial` on standard input; it says how far it has come, a line of
JSON a step, on the descriptor named by its argument. Whatever else is written there is a traceback
of faulthandler's.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import msgspec
import pluggy
import trio

from hotswap.bus import Card, HotswapError, MachineClock, hookspecs, open_backplane

from .plugin_reaper import contained

GRACE = 2.0
"""s for faulthandler to end what does not come back, on a busy host."""


class Trial(msgspec.Struct, frozen=True):
    """What to try: the card, its module, its settings; how long that may take (s)."""

    card: str
    module: str
    settings: dict[str, Any]
    limit: float


class Step(msgspec.Struct, frozen=True):
    """What is begun, or with `why` what the plugin is refused for; left: processes were."""

    doing: Literal["import", "hotswap_card", "make", "plug in", "done", "left"]
    why: str = ""


def main() -> None:
    """Try it in a process of its own; this one ends as that does, and none is left."""
    report = int(sys.argv[1])
    trial = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Trial)
    ended = contained(lambda: _try(trial, report), trial.limit + GRACE)
    if ended.left:
        _tell(report, Step("left"))
    if ended.late:
        os.write(report, b"Timeout (it has switched faulthandler off)\n")
    if ended.status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        os.kill(os.getpid(), -ended.status)
    os._exit(ended.status)


def _tell(report: int, step: Step) -> None:
    os.write(report, msgspec.json.encode(step) + b"\n")


def _try(trial: Trial, report: int) -> None:
    faulthandler.enable(report)
    faulthandler.dump_traceback_later(trial.limit, exit=True, file=report)
    process = os.getpid()
    for step in attempt(trial):
        if os.getpid() != process:
            return  # a copy the plugin has made
        _tell(report, step)


def attempt(trial: Trial) -> Iterator[Step]:
    """Do all that insertion does, step by step.

    Only what the import raises is said: the rest is raised again where it can be told better.
    """
    yield Step("import")
    before = _surroundings()
    try:
        module = importlib.import_module(trial.module)
    except BaseException as error:
        yield Step("import", f"{type(error).__name__}: {error}")
        return
    if changed := [what for what, was in before.items() if _surroundings()[what] != was]:
        yield Step("import", f"it {changed[0]}, which is the host's business; do that in run()")
        return
    yield Step("hotswap_card")
    try:
        kind = ask(module, trial.card)
        yield Step("make")
        card = kind(msgspec.convert(trial.settings, kind.settings_type))
        yield Step("plug in")
        trio.run(_plug_in, card)
    except (Exception, SystemExit):
        pass
    yield Step("done")


def ask(module: Any, name: str) -> type[Card[Any]]:
    """The class a plugin offers for a card. Raises what the plugin raises, `TypeError`."""
    plugins = pluggy.PluginManager("hotswap")
    plugins.add_hookspecs(hookspecs)
    plugins.register(module, name)
    if not plugins.hook.hotswap_card.get_hookimpls():
        place = module.__file__ or ", ".join(module.__path__)
        raise TypeError(f"{place} has no function hotswap_card with @hookimpl")
    found = plugins.hook.hotswap_card(name=name)
    if not (isinstance(found, type) and issubclass(found, Card)):
        raise TypeError(f"its hotswap_card({name!r}) returned {found!r}")
    return found


def _surroundings() -> dict[str, object]:
    """What an import has to leave alone, by what it would have done."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        alone = False
    except ChildProcessError:
        alone = True
    return {
        "starts a process": alone,
        "starts a thread": threading.active_count(),
        "changes a signal handler": [signal.getsignal(n) for n in signal.valid_signals()],
        "changes the working folder": Path.cwd(),
    }


async def _plug_in(card: Card[Any]) -> None:
    """On a board with nothing else, where it may well be refused."""
    async with open_backplane(MachineClock(lambda: 0)) as backplane:
        try:
            slot = await backplane.insert(card, run=False)
        except HotswapError:
            return
        await backplane.remove(slot.number)
