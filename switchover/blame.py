"""Whose fault it is that a switchover does not happen, and what to do next."""

from __future__ import annotations

from .phases import Phase

OLD, NEW, SLOW, OPERATOR = "old kernel", "new kernel", "host too slow", "operator"
OURS = "hotswap-host"
"""A defect of this program."""
FOLDER, PEER = "durable folder", "peer"

ANSWERS: dict[Phase, str] = {
    Phase.PLAN: OLD,
    Phase.STAGE: SLOW,
    Phase.PREPARE: OLD,
    Phase.QUIESCE: OLD,
    Phase.SAVE: OLD,
    Phase.SWITCH: OLD,
    Phase.DECODE: OLD,
    Phase.NEWINIT: NEW,
    Phase.ECHO: NEW,
    Phase.COMMIT: NEW,
    Phase.PROBATION: NEW,
}
"""Who is being waited for in a phase. In DECODE that is the bootstrap, which ships with the host:
what goes wrong there was overwritten by the old kernel."""

ADVICE: dict[str, str] = {
    OLD: "it runs on; see the report's log for what it said, and correct it, or start the machine "
    "again with the new one",
    NEW: "correct the new kernel; the report's log and the flight recorder have what it said",
    SLOW: "try again when the host is less busy, or with more --patience",
    OPERATOR: "try again when it suits",
    FOLDER: "make room in the folder, or start the machine with another one",
    PEER: "let whoever is at the far end of the machine's ports read, then try again",
    OURS: "please report this as a defect, with the log",
}

SLOW_RATE = 1_000_000
"""Instructions a second: a guest that got fewer did not get the host's time."""


def card(name: str) -> str:
    """The card called `name` is at fault."""
    return f"card {name}"


def todo(fault_of: str) -> str:
    """What to do next about a fault of `fault_of`."""
    return ADVICE.get(fault_of, f"remove the {fault_of} or insert it again, then try again")


def of_silence(phase: Phase, seconds: float, instructions: int, *, halted: bool) -> str:
    """Whose fault it is that `phase` took longer than `seconds`.

    A guest that hangs executes instructions, or has halted; one that could not is not to blame.
    """
    starved = not halted and instructions < seconds * SLOW_RATE
    return SLOW if starved else ANSWERS[phase]
