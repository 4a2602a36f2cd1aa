"""The write guard: the first store to a guarded byte is named, whatever instruction makes it."""

from __future__ import annotations

import struct
from typing import NamedTuple

import pytest
import trio
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hotswap.bus import CpuShutdown, StrayWrite
from hotswap.cpu import UnsupportedEngine

from .conftest import ALIASES, DRIVER, PAGING_ON, BarePc, OpenPc, dword

CODE, FRAMES, SOURCE, STACK = DRIVER, 0x400000, 0x300000, 0x8000
PAGE = 0x1000
WORK = "40 41 42 43"  # inc eax ; inc ecx ; inc edx ; inc ebx
END = "fa f4"


class Store(NamedTuple):
    """An instruction that stores: its code with EDI at `before` bytes behind the place, its size.

    `size` is that of its first store; `value` what is there afterwards, None when it depends.
    """

    name: str
    code: str
    size: int
    value: bytes | None = None
    behind: int = 0
    setup: str = ""


STORES = (
    Store("mov byte", "c60755", 1, b"\x55"),
    Store("mov word", "66c7073412", 2, b"\x34\x12"),
    Store("mov dword", "c70778563412", 4, b"\x78\x56\x34\x12"),
    Store("mov seg", "8c1f", 2, b"\x18\0"),
    Store("stosb", "aa", 1),
    Store("rep stosd", "f3ab", 4),
    Store("rep movsb", "f3a4", 1, b"\xa5"),
    Store("rep movsd", "f3a5", 4, b"\xa5\xa5\xa5\xa5"),
    Store("push", "68efbeadde", 4, b"\xef\xbe\xad\xde", behind=4, setup="89fc"),
    Store("pusha", "60", 4, behind=4, setup="89fc"),
    Store("call", "e800000000", 4, behind=4, setup="89fc"),
    Store("xchg", "8707", 4),
    Store("inc", "ff07", 4, b"\x01\0\0\0"),
    Store("lock inc", "f0ff07", 4, b"\x01\0\0\0"),
    Store("or byte", "800f81", 1, b"\x81"),
    Store("bts", "0fba2f03", 4, b"\x08\0\0\0"),
    Store("setz", "0f9407", 1),
    Store("cmpxchg", "0fb10f", 4),
    Store("xadd", "0fc10f", 4),
    Store("sgdt", "0f0107", 2),
    Store("fstp m32", "d91f", 4, struct.pack("<f", 1.0), setup="d9e8"),
    Store("fstp m64", "dd1f", 8, struct.pack("<d", 1.0), setup="d9e8"),
    Store("fnsave", "dd37", 4),
    Store("fxsave", "0fae07", 2),
)


async def caught(pc: BarePc, until: str) -> StrayWrite | None:
    """Run until the first event, or until the shutdown; the store that was seen."""
    pc.events.clear()
    with trio.fail_after(10):
        async with pc.running():
            while not any(isinstance(event, CpuShutdown) for event in pc.events):
                pc.ended = trio.Event()
                await pc.ended.wait()
                if until == "first":
                    break
    return next((event for event in pc.events if isinstance(event, StrayWrite)), None)


def start(pc: BarePc, store: Store, place: int, *, alias: int = 0, paged: bool = False) -> int:
    """Stand before work, the store and a loop; EDI is `behind` bytes behind `place`. Its EIP."""
    head = bytes.fromhex(f"bf {dword(alias + place + store.behind).hex()} be {dword(SOURCE).hex()}")
    head += bytes.fromhex("b905000000" + store.setup + WORK)
    content = head + bytes.fromhex(store.code + WORK + END)
    if paged:
        pc.map_aliases()
        pc.start_paged(content)
        return CODE + len(bytes.fromhex(PAGING_ON)) + len(head)
    pc.put(CODE, content)
    pc.start(CODE, esp=STACK)
    return CODE + len(head)


@pytest.mark.parametrize("paged", [False, True], ids=["flat", "paged"])
@pytest.mark.parametrize("store", STORES, ids=lambda store: store.name)
async def test_every_kind_of_store_is_named(open_pc: OpenPc, store: Store, paged: bool) -> None:
    async with open_pc(model="686") as pc:
        alias = ALIASES[1] if paged else 0
        eip = start(pc, store, FRAMES, alias=alias, paged=paged)
        pc.put(SOURCE, b"\xa5" * 64)
        pc.processor.guard.arm([(FRAMES, FRAMES + PAGE)])
        stray = await caught(pc, "first")
        assert stray is not None
        assert (stray.eip, stray.address, stray.physical) == (eip, alias + FRAMES, FRAMES)
        assert len(stray.value) == store.size
        assert stray.value == pc.processor.read_memory(FRAMES, store.size)
        assert store.value is None or stray.value == store.value
        assert not stray.by


PLACES = st.integers(FRAMES - 70, FRAMES + 2 * PAGE + 40)


async def run(pc: BarePc, spans: list[tuple[int, int]]) -> list[StrayWrite]:
    """Run to the halt with these spans guarded; what was seen."""
    pc.processor.guard.arm(spans)
    await caught(pc, "shutdown")
    return [event for event in pc.events if isinstance(event, StrayWrite)]


@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # the fixture only makes machines
@given(
    store=st.sampled_from(STORES),
    place=PLACES,
    alias=st.sampled_from(ALIASES),
    end=st.integers(1, 2 * PAGE),
)
@example(STORES[2], FRAMES - 1, 0, PAGE)  # into it from the page before
@example(STORES[2], FRAMES + PAGE - 1, 0, PAGE)  # and out of it
@example(STORES[12], FRAMES - 3, 0, 1)  # which changes its first byte only
@example(STORES[2], FRAMES + 99, 0, 100)
@example(STORES[2], FRAMES + 100, 0, 100)
def test_a_store_is_seen_where_it_hits_a_guarded_byte_and_nowhere_else(
    open_pc: OpenPc, store: Store, place: int, alias: int, end: int
) -> None:
    async def check() -> None:
        async with open_pc(model="686") as pc:
            eip = start(pc, store, place, alias=alias, paged=True)
            pc.put(SOURCE, b"\xa5" * 64)
            pc.put(FRAMES - PAGE, b"\xc3" * (4 * PAGE))
            seen = await run(pc, [(FRAMES, FRAMES + end)])
            changed = pc.processor.read_memory(FRAMES, end).strip(b"\xc3") != b""
            same = not changed and place < FRAMES + end and place + store.size > FRAMES
            assert len(seen) == changed or (same and len(seen) == 1)  # what was there, once more
            for stray in seen:
                assert (stray.eip, stray.address) == (eip, alias + stray.physical)
                assert FRAMES <= stray.physical < FRAMES + end

    trio.run(check)


async def test_only_the_first_store_is_reported_and_all_are_carried_out(pc: BarePc) -> None:
    pc.put(CODE, f"c605{dword(FRAMES).hex()}11 c605{dword(FRAMES + 1).hex()}22 faf4")
    pc.start(CODE)
    assert [stray.eip for stray in await run(pc, [(FRAMES, FRAMES + PAGE)])] == [CODE]
    assert pc.processor.read_memory(FRAMES, 2) == b"\x11\x22"


async def test_what_an_interrupt_pushes_is_seen(pc: BarePc) -> None:
    pc.gate(3, 0x6000)
    pc.put(0x6000, "faf4")
    pc.put(CODE, "40 cc")  # inc eax ; int3
    pc.start(CODE, esp=FRAMES + 12)
    seen = await run(pc, [(FRAMES, FRAMES + PAGE)])
    assert [stray.physical for stray in seen] == [FRAMES + 8]


async def test_what_an_external_interrupt_pushes_is_seen(pc: BarePc) -> None:
    pc.gate(0x40, 0x6000)
    pc.put(0x6000, "faf4")
    pc.put(CODE, "fb ebfe")  # sti ; jmp .
    pc.start(CODE, esp=FRAMES + 12)
    pc.controller.ask(0x40)
    seen = await run(pc, [(FRAMES, FRAMES + PAGE)])
    assert [stray.physical for stray in seen] == [FRAMES + 8]


async def test_memory_that_was_stored_to_before_is_guarded_as_well(pc: BarePc) -> None:
    store = f"c605{dword(FRAMES).hex()}11"
    pc.put(CODE, f"{store} e680 {store} faf4")  # out 80h between them
    pc.start(CODE)
    async with pc.running():
        await pc.processor.pause()
    pc.start(CODE)
    pc.processor.resume()
    assert len(await run(pc, [(FRAMES, FRAMES + PAGE)])) == 1


async def test_a_disarmed_guard_sees_nothing(pc: BarePc) -> None:
    pc.put(CODE, f"c605{dword(FRAMES).hex()}11 faf4")
    pc.processor.guard.arm([(FRAMES, FRAMES + PAGE)])
    pc.processor.guard.disarm()
    pc.start(CODE)
    await caught(pc, "shutdown")
    assert len(pc.events) == 1


async def test_a_card_that_stores_is_named(pc: BarePc) -> None:
    pc.probe.on_out = lambda *_cycle: pc.processor.write_memory(FRAMES - 2, b"abcd", by="probe")
    pc.put(CODE, "e6e0 faf4")
    pc.start(CODE)
    (stray,) = await run(pc, [(FRAMES, FRAMES + PAGE)])
    assert (stray.by, stray.eip, stray.physical, stray.value) == ("probe", CODE, FRAMES, b"cd")
    assert str(stray) == (
        "probe, during the instruction at EIP 0x100000 wrote 0x6463 (2 bytes) to 0x400000, "
        "physical 0x400000"
    )


async def test_without_fast_stores_it_is_refused(open_pc: OpenPc) -> None:
    async with open_pc(fast_stores=False) as pc:
        with pytest.raises(UnsupportedEngine, match="no write guard without fast stores"):
            pc.processor.guard.arm([(FRAMES, FRAMES + PAGE)])
