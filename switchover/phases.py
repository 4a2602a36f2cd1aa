"""The phases of a switchover in order, with what each may take.

PLAN to PREPARE run beside the guest. The blackout is QUIESCE to COMMIT: no user instruction runs.
R1, the rollback point, is taken at the end of SAVE; it lives until PROBATION has been passed.
"""

from __future__ import annotations

import msgspec

from hotswap.bus import Choice


class Phase(Choice):
    """Where a switchover is."""

    PLAN = 1, "check the image against the machine; nothing is touched"
    STAGE = 2, "put image and bootstrap into memory the kernel does not use; commit RAM ahead"
    PREPARE = 3, "the old kernel makes room for the map and stops starting work in its drivers"
    QUIESCE = 4, "the old kernel stops its processes, the cards' tasks end"
    SAVE = 5, "the old kernel writes the map, the host adds the cards, R1 is taken"
    SWITCH = 6, "the old kernel turns paging off and jumps to the bootstrap"
    DECODE = 7, "the new kernel is brought over the old one"
    NEWINIT = 8, "the new kernel starts and takes over what the map says"
    ECHO = 9, "the new kernel writes a map of what it has; it must say the same"
    COMMIT = 10, "the new kernel is about to run processes, the cards' tasks start again"
    PROBATION = 11, "outputs stay held and inputs are kept until the new kernel has proved itself"


class Limit(msgspec.Struct, frozen=True):
    """What a phase may take: seconds of host time, and guest instructions where a guest could hang.

    `stall`: the instructions it may take without progress, where heartbeats tell it. Whichever is
    reached first ends the phase.
    """

    seconds: float
    instructions: int | None = None
    stall: int | None = None


LIMITS: dict[Phase, Limit] = {
    Phase.PLAN: Limit(2),
    Phase.STAGE: Limit(2),
    Phase.PREPARE: Limit(1, 200_000_000),
    Phase.QUIESCE: Limit(0.2, 20_000_000),
    Phase.SAVE: Limit(0.1, 20_000_000, 5_000_000),
    Phase.SWITCH: Limit(0.05, 1_000_000),
    Phase.DECODE: Limit(0.1, 50_000_000, 10_000_000),
    Phase.NEWINIT: Limit(0.1, 20_000_000, 5_000_000),
    Phase.ECHO: Limit(0.1, 20_000_000, 5_000_000),
    Phase.COMMIT: Limit(0.05, 2_000_000),
    Phase.PROBATION: Limit(60),
}

WAITS_FOR: dict[Phase, str] = {
    Phase.PLAN: "the host, which checks",
    Phase.STAGE: "the host, which writes ahead what the guest has dirtied",
    Phase.PREPARE: "the old kernel: ACK PREPARED",
    Phase.QUIESCE: "the old kernel: ACK QUIESCED; then the cards, to freeze",
    Phase.SAVE: "the old kernel: ACK SAVED; then the host, which checks the map",
    Phase.SWITCH: "the bootstrap: ACK BOOT",
    Phase.DECODE: "the bootstrap: ACK DECODED",
    Phase.NEWINIT: "the new kernel: ACK RESTORED",
    Phase.ECHO: "the new kernel: ACK ECHOED; then the host, which compares",
    Phase.COMMIT: "the new kernel: ACK RESUMED; then the host, which looks at what was written",
    Phase.PROBATION: "time to pass, and the new kernel's timer ticks",
}
"""What a phase that takes long is waiting for."""

BLACKOUT = (
    Phase.QUIESCE,
    Phase.SAVE,
    Phase.SWITCH,
    Phase.DECODE,
    Phase.NEWINIT,
    Phase.ECHO,
    Phase.COMMIT,
)
QUIESCE_CARD, QUIESCE_ALL = 0.05, 0.2
"""Seconds a card's shielded flush may take, and all of them together."""
