"""How a run of `hotswap-host` ends: one table of exit statuses, and what exceptions end it."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses. A guest that writes n to the debug-exit port gives 0 for 0, else 10 + n.

    A process has no status above 255, so from 245 on it is that: a failure never looks like 0.
    """

    OK = 0
    FAILED = 1
    USAGE = 2
    TIMEOUT = 3
    GUEST = 4
    NOTHING_TO_RESUME = 5
    DEBUG_EXIT = 10
    INTERRUPTED = 130


def debug_exit_status(value: int) -> int:
    """The exit status for `value`, a byte written to the debug-exit port."""
    return Exit.OK if value == 0 else min(Exit.DEBUG_EXIT + value, 255)


def leaves(error: BaseException) -> list[BaseException]:
    """The exceptions in a group, however deep; nurseries wrap what a task raises."""
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]
