"""What must hold for any bytes given as a card: only `ElfError`, and within bounds.

A card that is one after all is looked at from all sides: settings, variables, lines, a report, a
move to another build. One whose code was changed is plugged in and used: only faults come of it.
"""

from __future__ import annotations

import contextlib
import random
import re
import time

import trio
import trio.testing

from hotswap.bus import (
    Backplane,
    CardError,
    CodeFault,
    Cycle,
    HotswapError,
    MachineClock,
    Slot,
    Space,
    StateError,
    open_backplane,
)
from hotswap.cards.elf import Budgets, ElfCard, ElfError, ElfImage, load_image
from hotswap.cards.elf.layout import Move
from hotswap.cards.elf.report import code_error
from hotswap.cards.elf.resources import resources_of
from hotswap.cards.elf.settings import convert, settings_type, stores
from hotswap.cpu import CodePool

SECONDS_MAX = 5.0
"""CPU time of one input."""
_NUMBERS = re.compile(r"0x[0-9a-f]+|[0-9][0-9,]*|'[^']*'|b'.*")
_SMALL = Budgets(cycle=2_000, turn=5_000, work=20_000)


class TooSlow(Exception):
    """An input took longer than any may."""


def try_object(data: bytes, chance: random.Random) -> str:
    """What came of it: "fits", or why it is refused. Raises what must not be raised."""
    began = time.thread_time()
    try:
        image = load_image(data, "card.o")
        resources_of(image)
        kind = settings_type(image)
        list(stores(image, convert(image, kind, {})))
    except ElfError as error:
        verdict = _verdict(error)
    else:
        _look_at(image, chance)
        verdict = "fits"
    if (took := time.thread_time() - began) > SECONDS_MAX:
        raise TooSlow(f"it took {took:.1f} s")
    return verdict


def _verdict(error: Exception) -> str:
    """The message without what is only this input's."""
    words = _NUMBERS.sub("#", str(error).removeprefix("card.o: "))
    words = re.sub(r"(section|symbol|setting|overlaps) [^:,;#]*", r"\1", words)
    return words[:48]


def _look_at(image: ElfImage, chance: random.Random) -> None:
    text = image.segments[0]
    eip = text.address + chance.randrange(text.size)
    fault = CodeFault("a fault", eip, chance.randrange(1 << 32), (eip, chance.randrange(1 << 32)))
    str(code_error(image, fault, "a cycle"))
    data = b"" if image.data is None else image.data.content
    room = 0 if image.data is None else image.data.size + -image.data.size % 4096
    before = data.ljust(room, b"\0")
    held = bytearray(before)
    for _ in range(3 if held else 0):
        at = chance.randrange(len(held))
        held[at : at + 4] = eip.to_bytes(4, "little")[: len(held) - at]
    with contextlib.suppress(StateError):
        Move(image, image, bytes(held), chance.randbytes(64)).moved(before)


async def try_code(data: bytes, pool: CodePool, chance: random.Random) -> str:
    """Use a card as a guest, a controller and a back end would. Raises what must not be raised."""
    try:
        image = load_image(data, "card.o")
    except ElfError as error:
        return _verdict(error)
    card = ElfCard(image, {}, pool.take(), budgets=_SMALL)
    try:
        return await _used(card, chance)
    finally:
        card.close()


async def _used(card: ElfCard, chance: random.Random) -> str:
    now = 0
    clock = MachineClock(lambda: now)
    async with open_backplane(clock) as plane:
        with plane.listening(lambda event: None):
            try:
                slot = await plane.insert(card)
            except CardError as error:
                return _verdict_of_code(error.__cause__ or error)
            try:
                saved = card.save()
            except StateError as error:
                return _verdict_of_code(error)
            verdict = "code: nothing goes wrong"
            for _ in range(12):
                _cycle(plane, slot, chance)
                now += 20_000
                clock.fire()
                await trio.testing.wait_all_tasks_blocked()
                if slot.fault is not None:
                    verdict = _verdict_of_code(Exception(slot.fault.what))
                    break
            try:
                card.load(saved)
            except StateError:
                return "code: the state is not taken"
            if (again := card.save()) != saved:
                raise AssertionError(f"saved {saved}, after a load {again}")
            return verdict


def _verdict_of_code(error: BaseException) -> str:
    words = str(error).removeprefix("card sample: ")
    return f"code: {_NUMBERS.sub('#', words)[:40]}"


def _cycle(plane: Backplane, slot: Slot, chance: random.Random) -> None:
    port = 0x300 + chance.randrange(8)
    value = chance.randrange(256)
    write = chance.random() < 0.5
    try:
        match chance.randrange(8):
            case 0:
                slot.input.feed(bytes((value,)))
                slot.card.dma_read(1, value)
            case _ if write:
                plane.io.writes[1][port](port, 1, value)
            case _:
                plane.io.reads[1][port](port, 1)
    except HotswapError as error:
        if slot.fault is None:
            plane.cycle_failed(Cycle(Space.PORT, write, port, 1, value), error)
