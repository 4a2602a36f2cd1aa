"""Every fault, the phases it is tried in, and what has to come of it.

`ROWS` is the table. A fault acts when its phase begins, or when it is done where the row says so.
Phases that a row leaves out: nothing of the kind can happen there, or it is no fault of the
switchover (a kernel may write to its own processes before SAVE and after COMMIT).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec

from hotswap.switchover.phases import BLACKOUT, Phase
from hotswap.switchover.protocol import BootMode

from . import fault_acts as act
from . import stubs, tampering
from .controls import COMMITTED, Expected
from .fault_acts import Act, answer, stub


class Row(msgspec.Struct, frozen=True):
    """A fault by `name`, what it does, and what is expected of it in each phase it is tried in.

    `when` it acts: before the image is read, as the phase has `begun` or is `done`. A fault that is
    `lasting` is the guest's or a card's own, from before R0: no rollback mends it, and there is no
    run to compare with. `guarded`: with the write guard. `durable`: the machine is in a durable
    folder. `signed`: the image has to be. Without an `act` it is SIGKILL, of a host of its own.
    """

    name: str
    act: Act | None
    expected: dict[Phase, Expected]
    when: Literal["before", "begun", "done"] = "begun"
    lasting: bool = False
    guarded: bool = False
    durable: bool = False
    signed: bool = False
    mode: BootMode | None = None
    """Without it, chance has it."""


ANSWERED = [phase for phase in Phase if Phase.PREPARE <= phase <= Phase.COMMIT]
"""The guest owes an answer."""
UNDONE = [phase for phase in Phase if phase >= Phase.PREPARE]
"""There is a rollback point."""
AFTER_R1 = [Phase.SWITCH, Phase.DECODE, Phase.NEWINIT, Phase.ECHO, Phase.COMMIT]
"""Until a process runs again: no memory but the kernels' may change, no card's task runs."""


def back(phase: Phase) -> Expected:
    """Rolled back in `phase`."""
    return Expected("rolled back", phase)


def there(phases: Iterable[Phase]) -> dict[Phase, Expected]:
    """Rolled back in the phase itself."""
    return {phase: back(phase) for phase in phases}


def next_one(phases: Iterable[Phase]) -> dict[Phase, Expected]:
    """Rolled back in the phase after it."""
    return {phase: back(Phase(phase + 1)) for phase in phases}


def harmless(phases: Iterable[Phase]) -> dict[Phase, Expected]:
    """Committed all the same."""
    return dict.fromkeys(phases, COMMITTED)


LATE = harmless([Phase.PLAN, *ANSWERED]) | there([Phase.DECODE])  # that one, the next overtakes
del LATE[Phase.SWITCH]  # it depends on how long the bootstrap takes to its next
EARLY = [Phase.PLAN, Phase.STAGE]
BEFORE_SAVE = [phase for phase in Phase if phase < Phase.SAVE]
DEAF = harmless(p for p in Phase if p >= Phase.SAVE) | {
    Phase.PREPARE: back(Phase.QUIESCE),
    Phase.QUIESCE: back(Phase.QUIESCE),
}
DEAF_BEFORE = dict.fromkeys(EARLY, back(Phase.QUIESCE))
TASK_RAISES = there([Phase.PREPARE, Phase.QUIESCE, Phase.PROBATION]) | {
    phase: back(Phase.PROBATION)
    for phase in AFTER_R1  # that is when tasks run again
}
CALLED_OFF = {phase: Expected("called off", phase) for phase in Phase}
ENDS = dict.fromkeys(EARLY, Expected("machine ends"))
RESTARTS = dict.fromkeys(EARLY, Expected("restarts"))
REFUSED = {Phase.PLAN: Expected("refused")}
HANGS = REFUSED | {Phase.STAGE: back(Phase.PREPARE)}
STRAY = dict.fromkeys(AFTER_R1, back(Phase.COMMIT))  # the audit comes last
LATER_HANG = {Phase.PLAN: back(Phase.PREPARE)}
BY_ITSELF = REFUSED | {
    Phase.STAGE: back(Phase.STAGE),
    Phase.SAVE: back(Phase.PROBATION),  # its order is there at R1, so after the rollback, too
}
FULL = harmless([*AFTER_R1, Phase.PROBATION]) | {
    Phase.PLAN: back(Phase.STAGE),
    Phase.STAGE: back(Phase.STAGE),
    Phase.PREPARE: back(Phase.SAVE),
    Phase.QUIESCE: back(Phase.SAVE),
    Phase.SAVE: back(Phase.SAVE),
}
KILLED = dict.fromkeys([*BEFORE_SAVE, Phase.SAVE], Expected("power cut")) | dict.fromkeys(
    [*AFTER_R1, Phase.PROBATION], Expected("resumed")
)
STANDS_STILL = harmless(Phase) | there(BLACKOUT)  # a phase's limit counts from its beginning

ROWS = (
    # the guest's answers
    Row("no ACK", act.no_answer, there(ANSWERED) | harmless([Phase.PLAN])),  # there it asks again
    Row("wrong ACK", answer(tampering.replace), there(ANSWERED) | REFUSED),
    Row("double ACK", answer(tampering.double), next_one(ANSWERED) | harmless([Phase.PLAN])),
    Row("late ACK", act.late_answer, LATE),
    Row("late ACK, overtaken", act.late_answer, there([Phase.SWITCH]), mode=BootMode.DMA),
    Row("late ACK, in time", act.late_answer, harmless([Phase.SWITCH]), mode=BootMode.LZ4),
    Row("ACK out of order", answer(tampering.overtake), there(ANSWERED) | REFUSED),
    Row("ACK nobody asked for", act.unasked, there([Phase.PROBATION])),
    Row("ACK nobody asked for yet", act.unasked, {Phase.STAGE: back(Phase.PREPARE)}, "done"),
    Row("ACK, then a hang", stub(stubs.hang), next_one(ANSWERED), "done"),
    Row("ACK ERROR to the question", answer(tampering.give_up), REFUSED),
    # the guest itself
    Row("ACK ERROR", stub(stubs.report_error), there(UNDONE)),
    Row("hang", stub(stubs.hang), there(UNDONE)),
    Row("triple fault", stub(stubs.triple_fault), there(UNDONE)),
    Row("HLT with IF=0", stub(stubs.halt), there(UNDONE)),
    Row("wild jump", stub(stubs.wild_jump), there(UNDONE)),
    Row("heartbeats without progress", stub(stubs.beat_for_ever), there(UNDONE)),
    Row("guest resets itself", stub(stubs.reset_itself), there(UNDONE)),
    Row("stray write into a kept frame", act.stray_write, STRAY),
    Row("write to low vectors", act.low_vectors, STRAY),
    Row("stray write, guarded", act.stray_write, there(AFTER_R1), guarded=True),
    Row("write to low vectors, guarded", act.low_vectors, there(AFTER_R1), guarded=True),
    Row("guest crashes by itself", stub(stubs.triple_fault), ENDS, lasting=True),
    Row("guest halts for good by itself", stub(stubs.halt), ENDS, lasting=True),
    Row("guest hangs by itself", stub(stubs.hang), HANGS, lasting=True),
    Row("guest jumps astray by itself", stub(stubs.wild_jump), ENDS, lasting=True),
    Row("guest beats for ever by itself", stub(stubs.beat_for_ever), HANGS, lasting=True),
    Row("ACK, then a hang by itself", stub(stubs.hang), LATER_HANG, "done", lasting=True),
    Row("guest resets itself by itself", stub(stubs.reset_itself), RESTARTS, lasting=True),
    Row("machine is reset", act.reset, RESTARTS, lasting=True),
    # the cards
    Row("card raises", act.card_raises, there(UNDONE)),
    Row("card has raised", act.card_raises, REFUSED, lasting=True),
    Row("card raises before R0", act.card_raises, there([Phase.STAGE]), lasting=True),
    Row("card's task raises", act.task_raises, TASK_RAISES),
    Row("card's task raises by itself", act.task_raises, BY_ITSELF, lasting=True),
    Row("card ignores cancellation", act.deaf_card, DEAF),
    Row("card is deaf by itself", act.deaf_card, DEAF_BEFORE, lasting=True),
    Row("card is removed", act.remove_card, harmless(Phase)),
    Row("card is inserted", act.insert_card, harmless(Phase)),
    # outside
    Row("coordinator is cancelled", act.cancel, CALLED_OFF),
    Row("host stands still for an hour", act.host_stands_still, STANDS_STILL),
    Row("host stands still in the middle", act.host_stalls, there([Phase.PROBATION])),
    Row("host clock is set back an hour", act.host_set_back, harmless(Phase)),
    Row("image is changed after signing", act.change_image, REFUSED, "before", signed=True),
    Row("image's file is changed meanwhile", act.change_image, harmless(Phase), signed=True),
    Row("durable folder is full", act.fill_folder, FULL, durable=True),
    Row("process gets SIGKILL", None, KILLED),
)
