"""Signals: SIGTERM and SIGHUP end a command as Ctrl-C does, cleanly, with what was done so far."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def ended_like_ctrl_c() -> Iterator[None]:
    """While it is open, SIGTERM and SIGHUP become SIGINT, which trio and Python know.

    A SIGHUP that is ignored stays so (nohup). A SIGINT that is ignored does not: shells start
    what goes to the background of a script so, and a signal has to end that, too.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    before = {number: action for number, action in before.items() if action == signal.SIG_DFL}
    for number in before:
        signal.signal(number, _interrupt)
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        before[signal.SIGINT] = signal.SIG_IGN
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    signal.raise_signal(signal.SIGINT)


def signal_name(number: int) -> str:
    """SIGKILL for 9; a real-time signal, most of which have no name, by its number: signal 40."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
