"""Where faults are tried: a machine at its `Home`, with cards that can be made to misbehave."""

from __future__ import annotations

import gc
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import trio

from hotswap.bus import BusError
from hotswap.host.board import BoardConfig, open_board
from hotswap.host.durable_run import open_durable
from hotswap.host.guest import Guest
from hotswap.host.images import refkernel
from hotswap.switchover.phases import Phase
from hotswap.switchover.records import FrameKind

from .home import Home
from .jumping_clock import JumpingClock
from .signing import signed
from .tampering import TamperedCard, Troublesome, plug_in

MS = 1_000_000
PROGRAMS = (
    "files:2",
    "memory:1:12",
    "registers:1:700000",
    "sorter:1:30000",
    "ticker:9:1",
)
MEMORY = 16
START_MS = (55, 75)
"""The switchover is asked for so long after power-on."""
LATER = 5 * MS
CONFIG = BoardConfig(deterministic=True, memory=MEMORY)


class Scene:
    """One machine and what a fault may lay hands on. `phase` is the one the fault is for."""

    def __init__(
        self,
        home: Home,
        mailbox: TamperedCard,
        troublesome: Troublesome,
        clock: JumpingClock,
        folder: Path,
    ) -> None:
        self.home, self.guest, self.board = home, home.guest, home.guest.board
        self.mailbox, self.troublesome, self.clock = mailbox, troublesome, clock
        self.phase = Phase.PLAN
        self.outside = trio.CancelScope()
        self.user_page = 0
        """Physical address of a page that belongs to a process."""
        self.signed = signed(refkernel(2).elf, folder / "kernel.elf")
        """An image to switch to that has to be signed."""
        self.let_in: list[str] = []
        """What an operator tried in a switchover and was not refused because of it."""
        self._nursery: trio.Nursery | None = None
        self._at_the_end = ExitStack()

    @asynccontextmanager
    async def played(self, phase: Phase) -> AsyncIterator[None]:
        """One case, from home; afterwards every card behaves."""
        self.phase, self.outside = phase, trio.CancelScope()
        self.let_in = []
        await self.home.go()
        self.board.resume()
        async with trio.open_nursery() as nursery:
            self._at_the_end = ExitStack()
            self._nursery = nursery
            try:
                yield
            finally:
                self._at_the_end.close()
                nursery.cancel_scope.cancel()
                self._nursery = None
                self.mailbox.be_honest()
                self.troublesome.release()

    def at_the_end(self, act: Callable[[], None]) -> None:
        """Do `act` when the case has ended."""
        self._at_the_end.callback(act)

    def later(self, act: Callable[[], None], after: int = LATER) -> None:
        """Do `act` when the guest has gone on for `after` ns."""
        clock = self.board.backplane.clock
        due = clock.now() + after

        async def wait() -> None:
            await clock.sleep_until(due)
            act()

        self._start(wait)

    def when_deaf_and_frozen(self, act: Callable[[], None]) -> None:
        """Do `act` when the troublesome card is waited for."""

        async def wait() -> None:
            while not (self.board.backplane.frozen and self.troublesome.deaf):
                await trio.testing.wait_all_tasks_blocked()
                await trio.lowlevel.checkpoint()
            act()

        self._start(wait)

    def operate(self, what: str, attempt: Callable[[], Awaitable[object]]) -> None:
        """Have an operator try what must be refused because a switchover is under way."""
        self.let_in.append(what)

        async def try_it() -> None:
            try:
                await attempt()
            except BusError as error:
                if "is under way" in str(error):
                    self.let_in.remove(what)

        self._start(try_it)

    def _start(self, task: Callable[[], Awaitable[None]]) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(task)


@asynccontextmanager
async def open_scene(
    clock: JumpingClock, seed: int, *, durable: bool = False
) -> AsyncIterator[Scene]:
    """A machine whose programs have worked for a while that `seed` chooses.

    It is gone when the block ends. With `durable` it is kept in a folder.
    """
    gc.collect()  # machines before this one are gone, with their files
    after_ms = random.Random(seed).randint(*START_MS)
    with TemporaryDirectory(prefix="hotswap-host-prove-") as scratch:
        place = Path(scratch)
        with open_durable(place / "machine" if durable else None, CONFIG) as run:
            async with open_board(CONFIG, ram=run.ram) as board:
                run.attach(board)
                mailbox, troublesome = await plug_in(board)
                guest = Guest(board)
                guest.boot(PROGRAMS, hold=True)
                await guest.pass_time(after_ms * MS)
                examined = await guest.examine()
                scene = Scene(await Home.of(guest), mailbox, troublesome, clock, place)
                frames = [f for f in examined.map.frame if f.kind == FrameKind.PRIVATE]
                scene.user_page = next(frame.paddr for frame in frames if frame.pid > 1)
                yield scene
