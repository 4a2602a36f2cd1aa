"""The mailbox of the switchover card: which ACK answers which command, and what progress is.

The host puts a command into CMD; the guest owes the answers of `OWED`, one after the other. What
else it writes to ACK answers nothing: `judge` says what it is instead. Heartbeats say how far the
guest is with the next answer: from 0, and only ever up.
"""

from __future__ import annotations

from collections.abc import Sequence

from hotswap.bus.choice import Choice

BEATS_MAX = 1024
"""Heartbeats in a row that show no progress before the guest is said to be stuck."""


class Command(Choice):
    """Values of CMD."""

    NONE = 0, ""
    PREPARE = 1, "allocate the map, stop starting work in the drivers"
    SAVE = 2, "write the map"
    SWITCH = 3, "paging off, jump to the bootstrap"
    COMMIT = 4, "go on running processes"
    CANCEL = 5, "undo PREPARE and QUIESCE"
    QUERY_CAPS = 6, "say what the kernel can do"
    RESUME_OLD = 7, "as CANCEL, after a rollback"
    ECHO = 8, "write a map of what has been restored"
    QUIESCE = 9, "stop running processes, interrupts off, poll CMD"


class Ack(Choice):
    """Phases in ACK."""

    PREPARED = 1, ""
    SAVED = 2, "SSM_PA and SSM_LEN are set"
    BOOT = 3, "the bootstrap runs"
    DECODED = 4, "the new kernel is in place"
    RESTORED = 5, "everything of the map has been taken over"
    RESUMED = 6, "code 0 after COMMIT, 1 after CANCEL, 2 after RESUME_OLD"
    ECHOED = 7, "SSM_PA and SSM_LEN are those of the echo"
    QUIESCED = 8, ""
    CAPS = 9, "SSM_PA and SSM_LEN are those of the capabilities"
    ERROR = 0xFF, "code = reason"


OWED: dict[int, tuple[Ack, ...]] = {
    Command.NONE: (),
    Command.QUERY_CAPS: (Ack.CAPS,),
    Command.PREPARE: (Ack.PREPARED,),
    Command.QUIESCE: (Ack.QUIESCED,),
    Command.SAVE: (Ack.SAVED,),
    Command.SWITCH: (Ack.BOOT, Ack.DECODED, Ack.RESTORED),
    Command.ECHO: (Ack.ECHOED,),
    Command.COMMIT: (Ack.RESUMED,),
    Command.CANCEL: (Ack.RESUMED,),
    Command.RESUME_OLD: (Ack.RESUMED,),
}
RESUMES: dict[int, int] = {Command.COMMIT: 0, Command.CANCEL: 1, Command.RESUME_OLD: 2}
"""The code of ACK RESUMED after each command."""


class Verdict(Choice):
    """What an ACK is."""

    ANSWER = 0, "answers the command"
    ERROR = 1, "the guest gives up"
    DOUBLE = 2, "was given before"
    EARLY = 3, "is out of order"
    UNKNOWN = 4, "means nothing"
    LATE = 5, "belongs to a switchover that is over, and is ignored"


def due(command: int, given: Sequence[int]) -> Ack | None:
    """The answer the guest owes next, after it has given those of `given`; None: nothing."""
    return next((ack for ack in OWED.get(command, ()) if ack not in given), None)


def judge(command: int, given: Sequence[int], phase: int, code: int) -> Verdict:
    """What an ACK with the number of the switchover is; `given` are its answers so far."""
    if phase not in set(Ack):
        return Verdict.UNKNOWN
    if phase == Ack.ERROR:
        return Verdict.ERROR
    if phase == due(command, given):
        fits = phase != Ack.RESUMED or code == RESUMES[command]
        return Verdict.ANSWER if fits else Verdict.EARLY
    return Verdict.DOUBLE if phase in given else Verdict.EARLY


def standstill(before: int, progress: int, beats: int) -> str:
    """What is wrong with a heartbeat of `progress` after one of `before`; "" when nothing is.

    `beats`: how many in a row have now shown no progress.
    """
    if progress < before:
        return f"the guest's progress went back from {before} to {progress}"
    if beats >= BEATS_MAX:
        return f"{BEATS_MAX} heartbeats of the guest showed no progress beyond {progress}"
    return ""
