"""Every fault, the phases it is tried in, and what has to come of it.

`ROWS` is the table. A fault acts when its phase begins, or when it is done where the row says so.
Phases that a row leaves out: nothing of the kind can happen there, or it is no fault of the
switchover (a kernel may write to its own processes before SAVE and after COMMIT).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec

from hotswap.cards.mailbox import Ack
from hotswap.cards.switchover import Register
from hotswap.host.discovery import make_card
from hotswap.switchover.phases import BLACKOUT, Phase

from . import stubs, tampering
from .controls import COMMITTED, Expected
from .jumping_clock import HOUR
from .scene import Scene

MS = 1_000_000
VECTOR = 0x20 * 4
"""Of the low vectors: INT 20h."""

Act = Callable[[Scene], None]


class Row(msgspec.Struct, frozen=True):
    """A fault by `name`, what it does, and what is expected of it in each phase it is tried in.

    `when` it acts: as the phase has `begun` or is `done`. A fault that is `lasting` is the guest's
    or a card's own, from before R0: no rollback mends it, and there is no run to compare with.
    """

    name: str
    act: Act
    expected: dict[Phase, Expected]
    when: Literal["begun", "done"] = "begun"
    lasting: bool = False


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


def answer(change: tampering.Change) -> Act:
    """The next ACK is replaced."""

    def act(scene: Scene) -> None:
        scene.mailbox.change = change

    return act


def no_answer(scene: Scene) -> None:
    """The next ACK does not come; in PREPARE, where processes run on, host time ends it."""
    scene.mailbox.change = tampering.withhold
    if scene.phase is Phase.PREPARE:
        scene.later(lambda: scene.clock.jump(HOUR))


def late_answer(scene: Scene) -> None:
    """The next ACK is late; in COMMIT the guest is, or processes would have run before it."""
    if scene.phase is Phase.COMMIT:
        stubs.dawdle(scene.board)
    else:
        scene.mailbox.change = tampering.delay


def stub(run: Callable[..., None]) -> Act:
    """The guest runs machine code of ours."""

    def act(scene: Scene) -> None:
        run(scene.board)
        if scene.phase <= Phase.PREPARE:  # 200,000,000 instructions would be long
            scene.later(lambda: scene.clock.jump(HOUR))

    return act


def unasked(scene: Scene) -> None:
    """An ACK although none is due."""
    value = Ack.QUIESCED << 24 | scene.mailbox.state.txn
    scene.mailbox.write(scene.mailbox.settings.base + Register.ACK, 4, value)


def stray_write(scene: Scene) -> None:
    """The guest stores a byte into a page that belongs to a process, and goes on."""
    _store(scene, scene.user_page + 100)


def low_vectors(scene: Scene) -> None:
    """The guest stores into an entry of the real-mode interrupt table, and goes on."""
    _store(scene, VECTOR)


def _store(scene: Scene, physical: int) -> None:
    old = scene.board.processor.read_memory(physical, 1)
    stubs.store(scene.board, physical, old[0] ^ 1)


def reset(scene: Scene) -> None:
    """The RESET button."""
    scene.board.processor.reset()


def card_raises(scene: Scene) -> None:
    """The RTC breaks in a bus cycle."""
    scene.board.slot("cmos").set_fault(RuntimeError("smoke"))


def task_raises(scene: Scene) -> None:
    """A card's task raises, as soon as it runs."""
    scene.troublesome.slot.post("raise")


def deaf_card(scene: Scene) -> None:
    """A card's task ignores that it is cancelled, as soon as it runs."""
    scene.troublesome.slot.post("be deaf")
    scene.when_deaf_and_frozen(lambda: scene.clock.jump(HOUR))


def remove_card(scene: Scene) -> None:
    """Somebody pulls the RTC: refused until the switchover has ended."""
    number = scene.board.slot("cmos").number
    scene.operate("remove", lambda: scene.board.backplane.remove(number))


def insert_card(scene: Scene) -> None:
    """Somebody inserts another card: refused until the switchover has ended."""
    scene.operate("insert", lambda: scene.board.backplane.insert(make_card("lpt")))


def cancel(scene: Scene) -> None:
    """Whoever asked for the switchover is cancelled."""
    scene.outside.cancel()


def host_stands_still(scene: Scene) -> None:
    """It is an hour later all at once."""
    scene.clock.jump(HOUR)


def host_stalls(scene: Scene) -> None:
    """It is an hour later all at once, when the phase has gone on for a while."""
    scene.later(lambda: scene.clock.jump(HOUR), 30 * MS)


def host_set_back(scene: Scene) -> None:
    """It is an hour earlier all at once."""
    scene.clock.jump(-HOUR)


LATE = harmless([Phase.PLAN, *ANSWERED]) | there(
    [Phase.SWITCH, Phase.DECODE]
)  # these, others overtake
DEAF = harmless(p for p in Phase if p >= Phase.SAVE) | {
    Phase.PREPARE: back(Phase.QUIESCE),
    Phase.QUIESCE: back(Phase.QUIESCE),
}
TASK_RAISES = there([Phase.PREPARE, Phase.QUIESCE, Phase.PROBATION]) | {
    phase: back(Phase.PROBATION)
    for phase in AFTER_R1  # that is when tasks run again
}
CALLED_OFF = {phase: Expected("called off", phase) for phase in Phase}
EARLY = [Phase.PLAN, Phase.STAGE]
ENDS = dict.fromkeys(EARLY, Expected("machine ends"))
RESTARTS = dict.fromkeys(EARLY, Expected("restarts"))
REFUSED = {Phase.PLAN: Expected("refused")}
HANGS = REFUSED | {Phase.STAGE: back(Phase.PREPARE)}
STRAY = dict.fromkeys(AFTER_R1, back(Phase.COMMIT))  # the audit comes last
STANDS_STILL = harmless(Phase) | there(BLACKOUT)  # a phase's limit counts from its beginning

ROWS = (
    # the guest's answers
    Row("no ACK", no_answer, there(ANSWERED) | harmless([Phase.PLAN])),  # there it asks again
    Row("wrong ACK", answer(tampering.replace), there(ANSWERED) | REFUSED),
    Row("double ACK", answer(tampering.double), next_one(ANSWERED) | harmless([Phase.PLAN])),
    Row("late ACK", late_answer, LATE),
    Row("ACK out of order", answer(tampering.overtake), there(ANSWERED) | REFUSED),
    Row("ACK nobody asked for", unasked, there([Phase.PROBATION])),
    Row("ACK nobody asked for yet", unasked, {Phase.STAGE: back(Phase.PREPARE)}, "done"),
    Row("ACK, then a hang", stub(stubs.hang), next_one(ANSWERED), "done"),
    # the guest itself
    Row("ACK ERROR", stub(stubs.report_error), there(UNDONE)),
    Row("hang", stub(stubs.hang), there(UNDONE)),
    Row("triple fault", stub(stubs.triple_fault), there(UNDONE)),
    Row("HLT with IF=0", stub(stubs.halt), there(UNDONE)),
    Row("wild jump", stub(stubs.wild_jump), there(UNDONE)),
    Row("heartbeats without progress", stub(stubs.beat_for_ever), there(UNDONE)),
    Row("guest resets itself", stub(stubs.reset_itself), there(UNDONE)),
    Row("stray write into a kept frame", stray_write, STRAY),
    Row("write to low vectors", low_vectors, STRAY),
    Row("guest crashes by itself", stub(stubs.triple_fault), ENDS, lasting=True),
    Row("guest halts for good by itself", stub(stubs.halt), ENDS, lasting=True),
    Row("guest hangs by itself", stub(stubs.hang), HANGS, lasting=True),
    Row("machine is reset", reset, RESTARTS, lasting=True),
    # the cards
    Row("card raises", card_raises, there(UNDONE)),
    Row("card has raised", card_raises, REFUSED, lasting=True),
    Row("card raises before R0", card_raises, there([Phase.STAGE]), lasting=True),
    Row("card's task raises", task_raises, TASK_RAISES),
    Row("card ignores cancellation", deaf_card, DEAF),
    Row("card is removed", remove_card, harmless(Phase)),
    Row("card is inserted", insert_card, harmless(Phase)),
    # outside
    Row("coordinator is cancelled", cancel, CALLED_OFF),
    Row("host stands still for an hour", host_stands_still, STANDS_STILL),
    Row("host stands still in the middle", host_stalls, there([Phase.PROBATION])),
    Row("host clock is set back an hour", host_set_back, harmless(Phase)),
)
