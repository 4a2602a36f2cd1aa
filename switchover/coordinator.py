"""The switchover coordinator: the phases in order, and the way back from each of them.

One transaction at a time. Before PREPARE the guest notices nothing. From PREPARE on there is a
rollback point: R0 (the old kernel knows of nothing yet), then R1 (the old kernel has written its
map and polls for a command). Whatever fails, whoever cancels: the machine is put back to it, the
old kernel runs on, and nothing that was written since has left the machine.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import trio

from hotswap.bus import Policy, StrayWrite
from hotswap.cards.mailbox import Ack, Command
from hotswap.cards.switchover_messages import Acknowledged, Begin
from hotswap.cpu import CommitError

from . import blame
from .agreement import agree
from .canonical import difference
from .conversation import PhaseFailed
from .errors import Refused
from .garbage import no_garbage_collection
from .host_truth import hold_checksums
from .image import KernelImage
from .layout import layout_of
from .machine import Machine
from .memory import KERNEL, Span
from .options import DEFAULT, Options
from .phases import QUIESCE_ALL, QUIESCE_CARD, Phase
from .planning import ask, check, check_cards, check_free
from .prediction import predict
from .probation import prove
from .protocol import (
    BOOT_PA,
    BOOTSTRAP_LO,
    RECORDER_PA,
    Boot,
    BootMode,
    Note,
    RecorderHead,
)
from .report import PhaseEvent, Report
from .rollback import DIRTY_ENOUGH, ROUNDS
from .schema import MINOR, PAGE
from .staging import Staged, boot_record, bootstrap, stage
from .stray import StrayWatch
from .transaction import Transaction
from .transcript import Transcript, complete, map_read, read_map


class Switchover(Transaction):
    """The replacement of one kernel by another."""

    map: bytes = b""
    """The Save State Map, complete with the cards' states, once SAVE is done."""
    _draft: Transcript | None = None
    """The map as the old kernel wrote it at PREPARE, if it did."""

    async def run(self) -> Report:
        """Replace the kernel. Raises Refused (nothing was touched), RolledBack or Lost.

        Cancelling it rolls back as well, and then is cancelled. It leaves a record however it ends.
        """
        async with self._witnessed():
            check_free(self.machine)
            with self._backplane.locked(f"switchover {self.machine.switchovers + 1}"):
                staged = await self._plan()
                async with self._transaction():
                    await self._switch(staged, self.report.txn)
            self.report.outcome, self.report.phase = "committed", self._phase_now.name
            self.machine.replaced(self.image, self.report)
        return self.report

    async def plan(self) -> Report:
        """PLAN alone. Raises Refused."""
        check_free(self.machine)
        with self._backplane.locked("a plan"):
            await self._plan()
        self.report.outcome = "planned"
        return self.report

    # -- the phases -----------------------------------------------------------------------------

    async def _switch(self, staged: Staged, txn: int) -> None:
        async with self._phase(Phase.STAGE):
            await self._stage(staged, txn)
            await self._settle_ahead()
            self._take_point()
            await self._settle()
        async with self._phase(Phase.PREPARE):
            await self._prepare()
        async with self._blackout_limit():
            with no_garbage_collection():
                await self._black_out(staged)
        async with self._phase(Phase.PROBATION):
            await prove(self._talk, self._backplane.clock, self.options.probation_ms)
        self._talk.end()
        self._release()

    async def _plan(self) -> Staged:
        try:
            async with self._phase(Phase.PLAN):
                note = check(self.machine, self.image, guard=self.options.guard)
                staged = stage(self.image, self.options.mode, self.machine.plan)
                await self._agree(note)
                return staged
        except PhaseFailed as failure:
            raise Refused(str(failure), blame.todo(failure.fault_of), failure.fault_of) from failure

    async def _agree(self, note: Note) -> None:
        """Ask the old kernel, and find what it has in common with the new one."""
        old = await ask(self.machine, self.options.patience)
        check_cards(self.machine)  # one may have failed while the kernel was asked
        backplane = self._backplane
        plan = agree(old, self.image, note, backplane.slots.values(), backplane.freeze_order)
        predict(plan, old, len(self.image.content), self.options.mode, self.machine.ratios)
        plan.signature = self.image.signature or plan.signature
        self.report.plan, self.report.predicted_ms = plan, plan.predicted_ms

    async def _begin(self, txn: int, image: bytes) -> None:
        budget = int(self.options.blackout_max_ms * 1000)
        minor = self.report.plan.target_minor if self.report.plan else MINOR
        await self._talk.begin(Begin(txn, budget, minor, image, self.image.load_lo))

    async def _stage(self, staged: Staged, txn: int) -> None:
        await self._begin(txn, staged.image if self.options.mode is BootMode.DMA else b"")
        self._put(BOOTSTRAP_LO, bootstrap())
        self._put(RECORDER_PA, layout_of(RecorderHead).pack(RecorderHead(next=1, txn=txn)))
        if staged.stored:
            self._put(self.machine.plan.stage.lo, staged.stored)
        for _ in range(ROUNDS):  # commit ahead: what is clean now costs nothing in the blackout
            try:
                pages = self._processor.ram.commit()
            except CommitError as error:
                raise PhaseFailed(str(error), blame.FOLDER) from error
            self.report.pages_ahead += pages
            await trio.lowlevel.checkpoint()
            if pages <= DIRTY_ENOUGH:
                break

    async def _black_out(self, staged: Staged) -> None:
        began, instructions = time.perf_counter_ns(), self._processor.instructions
        engine_ns = self._processor.engine_ns
        async with self._phase(Phase.QUIESCE):
            await self._quiesce()
        async with self._phase(Phase.SAVE):
            script, place = await self._save()
            boot = boot_record(
                self.machine, self.image, staged, place, self.report, reverse=self.options.reverse
            )
            boot.minor = script.map.header.minor
            self._put(BOOT_PA, layout_of(Boot).pack(boot))
            self._take_point(r1=True)
            watch = self._watch_writes(script, place)
        await self._cross(script, place, watch)
        self.report.blackout_ms = (time.perf_counter_ns() - began) / 1e6
        self.report.instructions = self._processor.instructions - instructions
        self.report.engine_ms = (self._processor.engine_ns - engine_ns) / 1e6

    async def _cross(self, script: Transcript, place: Span, watch: StrayWatch) -> None:
        """From R1 to the first process under the new kernel."""
        async with self._phase(Phase.SWITCH):
            self._reset_cards()
            self._processor.forget_code(KERNEL.lo, KERNEL.size)
            self._talk.issue(Command.SWITCH)
            await self._talk.expect(Ack.BOOT)
        async with self._phase(Phase.DECODE):
            await self._talk.expect(Ack.DECODED)
        async with self._phase(Phase.NEWINIT):
            await self._talk.expect(Ack.RESTORED)
        async with self._phase(Phase.ECHO):
            await self._echo(script, place)
        async with self._phase(Phase.COMMIT):
            self._talk.issue(Command.COMMIT)
            async with self._talk.stopped_at(Ack.RESUMED, self._processor.standing):
                self._end_watch(watch)  # from here on the new kernel's processes and cards write
                self._backplane.thaw()

    async def _prepare(self) -> None:
        asked = self._backplane.clock.now()
        self._talk.issue(Command.PREPARE, interrupt=True)
        ack = await self._talk.expect(Ack.PREPARED)
        if ack.ssm_len:
            self._draft = self._read("the old kernel's map", ack, asked)

    def _read(
        self, which: str, ack: Acknowledged, asked: int, *, echo_of: Transcript | None = None
    ) -> Transcript:
        """The map a kernel has written since machine time `asked` (ns)."""
        time = (asked, self._backplane.clock.now())
        with map_read(which):
            return read_map(
                self._processor,
                ack,
                self.machine.plan,
                time=time,
                draft=self._draft,
                echo_of=echo_of,
            )

    async def _quiesce(self) -> None:
        self._talk.issue(Command.QUIESCE, interrupt=True)
        await self._talk.expect(Ack.QUIESCED)
        patience = self.options.patience
        with self._processor.standing():
            late = await self._backplane.quiesce(
                each=QUIESCE_CARD * patience, total=QUIESCE_ALL * patience
            )
        if late:
            raise PhaseFailed(
                f"card {', '.join(late)} would not freeze in time", blame.card(late[0])
            )

    async def _save(self) -> tuple[Transcript, Span]:
        asked = self._backplane.clock.now()
        self._talk.issue(Command.SAVE)
        ack = await self._talk.expect(Ack.SAVED)
        script = self._read("the old kernel's map", ack, asked)
        with map_read("the old kernel's map"):
            if self.options.frame_crcs:
                hold_checksums(script.map, self._processor.read_memory)
            content = complete(script, self._backplane)
        room = script.room
        if len(content) > room.size:
            raise PhaseFailed(f"the map with the cards has {len(content)} bytes, room {room.size}")
        self._put(room.lo, content)
        self.map = content
        self.report.map_bytes, self.report.processes = len(content), len(script.map.proc)
        return script, Span("the map", room.lo, room.lo + -(-len(content) // PAGE) * PAGE)

    def _reset_cards(self) -> None:
        """What the new kernel finds of each card is what its policy says."""
        for slot in self._backplane.slots.values():
            if slot.policy is Policy.COLD_RESET:
                slot.cold_reset()
            elif slot.policy is Policy.REINITIALISE:
                slot.reinitialise()

    async def _echo(self, script: Transcript, place: Span) -> None:
        """The map's pages are zeroed first: what the echo says, the new kernel must know itself."""
        self._put(place.lo, bytes(place.size))
        asked = self._backplane.clock.now()
        self._talk.issue(Command.ECHO)
        ack = await self._talk.expect(Ack.ECHOED)
        echo = self._read("the echo", ack, asked, echo_of=script)
        with map_read("the echo"):
            changed = difference(script.map, echo.map)
        if changed:
            more = f" (and {len(changed) - 1} more)" if len(changed) > 1 else ""
            raise PhaseFailed(
                f"the new kernel has something else than was saved: {changed[0]}{more}"
            )

    def _watch_writes(self, script: Transcript, place: Span) -> StrayWatch:
        watch = StrayWatch(
            self._processor,
            self.machine.plan,
            place,
            script.map.frame,
            guarded=self.options.guard,
            checksums=self.options.frame_crcs,
        )

        def explain(write: StrayWrite) -> str:
            words = watch.explain(write, self._phase_now, self.machine.kernel, self.image)
            self.report.stray = watch.found
            return words

        self._talk.explain = explain
        return watch

    def _end_watch(self, watch: StrayWatch) -> None:
        try:
            if (write := self._processor.guard.seen()) is not None:
                raise PhaseFailed(self._talk.explain(write))
            watch.end()
        finally:
            self.report.user_pages_copied = watch.user_pages


async def switch_over(
    machine: Machine,
    image: KernelImage,
    options: Options = DEFAULT,
    tell: Callable[[PhaseEvent], None] = lambda event: None,
) -> Report:
    """Replace the kernel of a running machine by `image`; see `Switchover.run`."""
    return await Switchover(machine, image, options, tell).run()


async def switch_back(
    machine: Machine,
    options: Options = DEFAULT,
    tell: Callable[[PhaseEvent], None] = lambda event: None,
) -> Report:
    """Go back to the kernel that ran before; as `switch_over`. Raises Refused without one."""
    options = msgspec.structs.replace(options, reverse=True)
    return await switch_over(machine, machine.kernel_before(), options, tell)
