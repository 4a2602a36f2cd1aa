"""PLAN: what can be asked of the machine, its cards and its kernel before anything is touched."""

from __future__ import annotations

import outcome
import trio

from hotswap.bus import MachineClock, Policy
from hotswap.cards.mailbox import Ack, Command
from hotswap.cards.switchover_messages import Acknowledged, Begin

from . import blame
from .capabilities import CAPS_MAX, Capabilities, read_capabilities
from .conversation import Conversation, PhaseFailed
from .errors import Refused
from .image import KernelImage, switchable
from .machine import Machine
from .phases import Phase
from .protocol import Note
from .schema import MINOR

ANSWER = 1.0
"""Seconds the old kernel may take to say what it can do."""
AGAIN = 20_000_000
"""ns of machine time after which it is interrupted once more: its driver may just have begun."""


def check_free(machine: Machine) -> None:
    """No switchover, snapshot or plan is under way. Raises Refused."""
    if (by := machine.backplane.locked_by) is not None:
        raise Refused(f"{by} is under way", "wait until it has ended")


def check(machine: Machine, image: KernelImage, *, guard: bool) -> Note:
    """What image, host and cards say by themselves; the image's note. Raises Refused."""
    note = switchable(image, ram=machine.processor.ram.size)
    machine.card()
    if guard and (why := machine.processor.guard.missing):
        raise Refused(f"no write guard here: {why}", "switch over without --guard")
    check_cards(machine)
    return note


def check_cards(machine: Machine) -> None:
    """Every card works, and allows a switchover. Raises Refused."""
    for slot in machine.backplane.slots.values():
        of = blame.card(slot.title)
        if slot.fault is not None:
            raise Refused(str(slot.fault), "remove the card, or insert it again", of)
        if slot.policy is Policy.REFUSE:
            raise Refused(f"card {slot.title} forbids a switchover", "remove the card first", of)


async def ask(machine: Machine, patience: float) -> Capabilities:
    """Have the running kernel say what it can do. Raises Refused when it does not."""
    talk = Conversation(machine.card())
    began, seconds = machine.processor.instructions, ANSWER * patience
    try:
        with trio.fail_after(seconds):
            await talk.begin(Begin(machine.next_query(), 0, MINOR, b"", 0))
            ack = await _insist(talk, machine.backplane.clock)
        return _read(machine, ack)
    except trio.TooSlowError:
        spent, halted = machine.processor.instructions - began, machine.processor.halted
        of = blame.of_silence(Phase.PLAN, seconds, spent, halted=halted)
        raise _no_answer(f"no answer within {seconds:g} s", of) from None
    except (PhaseFailed, ValueError) as error:
        raise _no_answer(str(error)) from error
    finally:
        talk.end()


async def _insist(talk: Conversation, clock: MachineClock) -> Acknowledged:
    async def interrupt() -> None:
        while True:
            talk.issue(Command.QUERY_CAPS, interrupt=True)
            await clock.sleep_until(clock.now() + AGAIN)

    answer: outcome.Outcome[Acknowledged] | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(interrupt)
        try:
            answer = outcome.Value(await talk.expect(Ack.CAPS))
        except PhaseFailed as failure:
            answer = outcome.Error(failure)
        nursery.cancel_scope.cancel()
    assert answer is not None
    return answer.unwrap()


def _read(machine: Machine, ack: Acknowledged) -> Capabilities:
    lo, size = ack.ssm_pa, ack.ssm_len
    if size > CAPS_MAX or not 0 < lo <= machine.plan.ram - size:
        raise ValueError(f"{size} bytes at {lo:#x}, which cannot be")
    return read_capabilities(machine.processor.read_memory(lo, size))


def _no_answer(why: str, of: str = blame.OLD) -> Refused:
    todo = "start the machine again with the new kernel" if of == blame.OLD else blame.todo(of)
    return Refused(f"the old kernel does not say what it can do (QUERY_CAPS): {why}", todo, of)
