"""What each fault of fault_table.py does to a scene."""

from __future__ import annotations

import resource
from collections.abc import Callable

from hotswap.cards.mailbox import Ack
from hotswap.cards.switchover import Register
from hotswap.host.discovery import make_card
from hotswap.switchover.phases import Phase

from . import stubs, tampering
from .jumping_clock import HOUR
from .scene import Scene

MS = 1_000_000
VECTOR = 0x20 * 4
"""Of the low vectors: INT 20h."""
FULL = 4096
"""No file may grow or be written beyond so many bytes: what a full folder comes to."""

Act = Callable[[Scene], None]


def answer(change: tampering.Change) -> Act:
    """The next ACK is replaced."""

    def act(scene: Scene) -> None:
        scene.mailbox.tamper = change

    return act


def no_answer(scene: Scene) -> None:
    """The next ACK does not come; in PREPARE, where processes run on, host time ends it."""
    scene.mailbox.tamper = tampering.withhold
    if scene.phase is Phase.PREPARE:
        scene.later(lambda: scene.clock.jump(HOUR))


def late_answer(scene: Scene) -> None:
    """The next ACK is late; in COMMIT the guest is, or processes would have run before it."""
    if scene.phase is Phase.COMMIT:
        stubs.dawdle(scene.board)
    else:
        scene.mailbox.tamper = tampering.delay


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


def fill_folder(scene: Scene) -> None:
    """No more can be written to the durable folder, until the case has ended."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    scene.at_the_end(lambda: resource.setrlimit(resource.RLIMIT_FSIZE, before))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FULL, before[1]))


def change_image(scene: Scene) -> None:
    """A bit of the image's file is changed; it was signed before."""
    content = bytearray(scene.signed.path.read_bytes())
    content[len(content) // 2] ^= 1
    scene.signed.path.write_bytes(content)
