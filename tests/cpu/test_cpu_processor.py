"""The processor's task: slices and turns, HLT, pauses, faults, pins, both clocks."""

from __future__ import annotations

import struct
import time
from collections.abc import Awaitable, Callable
from typing import cast

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import CardFault, CpuReset, CpuShutdown
from hotswap.cpu import CpuStateError, MemoryBoundsError
from hotswap.cpu.processor import QUIET_SLICE, TURNS
from hotswap.cpu.ticker import Ticker

from .conftest import HALTED, BarePc, OpenPc

SECOND = 1_000_000_000
MS = 1_000_000


def pulse(pc: BarePc, vector: int, period: int, count: int) -> Callable[[], Awaitable[None]]:
    """A task that asks for `vector` every `period` ns of machine time, `count` times."""

    async def run() -> None:
        clock = pc.backplane.clock
        for _ in range(count):
            await clock.sleep_until(clock.now() + period)
            pc.controller.pending.append(vector)
            pc.processor.kick()

    return run


# -- slices and turns -----------------------------------------------------------------------------


async def test_a_guest_that_spins_keeps_nobody_waiting(pc: BarePc) -> None:
    pc.put(0x2000, "ebfe")  # jmp $
    pc.start(0x2000)
    async with pc.running():
        waits = []
        for _ in range(100):
            began = time.perf_counter()
            await trio.lowlevel.checkpoint()
            waits.append(time.perf_counter() - began)
    assert sorted(waits)[50] < 0.005  # a slice is a millisecond
    assert pc.processor.instructions > 1000


async def test_a_kick_gives_a_posted_command_its_turn_at_once(pc: BarePc) -> None:
    polls: list[int] = []
    send, receive = trio.open_memory_channel[int](10)
    done = 0

    def out(_port: int, _width: int, value: int) -> None:
        send.send_nowait(value)
        pc.processor.kick()

    def status(_port: int, _width: int) -> int:
        polls[-1] += 1
        return done

    async def work() -> None:
        nonlocal done
        async for value in receive:
            polls.append(0)
            done = value

    # mov ecx,50 ; N: mov al,cl ; out 0E0h,al ; P: in al,0E1h ; cmp al,cl ; jne P ; dec ecx ;
    # jnz N ; cli ; hlt
    pc.put(0x2000, "b932000000 88c8 e6e0 e4e1 38c8 75fa 49 75f3 fa f4")
    polls.append(0)
    pc.probe.on_out, pc.probe.on_in = out, status
    pc.start(0x2000)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(work)
        await pc.run_to_halt()
        nursery.cancel_scope.cancel()
    assert len(polls) == 51
    assert sorted(polls)[45] <= 10


async def test_a_kick_between_two_slices_gives_a_posted_command_its_turn_before_the_next(
    pc: BarePc,
) -> None:
    """Also when others have taken all the time there is for them and the guest is to go on."""
    send, receive = trio.open_memory_channel[int](10)
    done, asked, polls = 0, 0, 0

    def status(_port: int, _width: int) -> int:
        nonlocal polls
        polls += done != asked
        return 0

    async def work() -> None:
        nonlocal done
        async for value in receive:
            done = value

    pc.put(0x2000, "e4e1 ebfc")  # P: in al,0E1h ; jmp P
    pc.probe.on_in = status
    pc.start(0x2000)
    async with trio.open_nursery() as nursery, pc.running():
        nursery.start_soon(work)
        for ticks in range(60):
            with pc.processor.standing():
                began = trio.current_time()
                while trio.current_time() - began < 2 * TURNS:
                    await trio.lowlevel.checkpoint()
                for _ in range(ticks % 8):
                    await trio.lowlevel.checkpoint()
            asked += 1
            send.send_nowait(asked)
            pc.processor.kick()
            while done != asked:
                await trio.lowlevel.checkpoint()
        nursery.cancel_scope.cancel()
    assert polls == 0


async def test_a_slice_is_no_longer_than_to_the_next_deadline(
    pc: BarePc, monkeypatch: pytest.MonkeyPatch
) -> None:
    slices: list[int] = []
    start = Ticker.start

    def record(ticker: Ticker, after: int) -> None:
        slices.append(after)
        start(ticker, after)

    monkeypatch.setattr(Ticker, "start", record)
    pc.put(0x2000, "ebfe")  # jmp $
    pc.start(0x2000)
    async with pc.running():
        await pc.backplane.clock.sleep_until(pc.backplane.clock.now() + 20 * MS)
        assert max(slices) <= QUIET_SLICE
        slices.clear()
        while not slices:
            await pc.backplane.clock.sleep_until(pc.backplane.clock.now() + 200_000)
        assert max(slices) <= 200_000


async def test_it_can_be_run_again_after_it_was_cancelled(pc: BarePc) -> None:
    pc.put(0x2000, "40 ebfd")  # inc eax ; jmp
    pc.start(0x2000)
    for _ in range(3):
        before = pc.processor.instructions
        async with pc.running():
            while pc.processor.instructions == before:
                await trio.lowlevel.checkpoint()


# -- HLT ------------------------------------------------------------------------------------------


async def test_a_halted_machine_hardly_wakes_and_an_interrupt_wakes_it(pc: BarePc) -> None:
    pc.put(0x2000, "fb f4 eb00 fa f4")  # sti ; hlt ; jmp $+2 ; cli ; hlt
    pc.put(0x4000, "43 cf")  # inc ebx ; iret
    pc.gate(0x20, 0x4000)
    pc.start(0x2000)
    looks, update = 0, pc.controller.update

    def count() -> int | None:
        nonlocal looks
        looks += 1
        return update()

    pc.controller.update = count  # type: ignore[method-assign]
    used = 0.0
    async with trio.open_nursery() as nursery:

        @nursery.start_soon
        async def waker() -> None:
            nonlocal used
            began = time.process_time()
            await pc.backplane.clock.sleep_until(pc.backplane.clock.now() + 250 * MS)
            used = time.process_time() - began
            pc.controller.pending.append(0x20)
            pc.processor.kick()

        await pc.run_to_halt()
    assert pc.register("ebx") == 1
    assert looks < 10
    assert used < 0.05


async def test_hlt_with_an_interrupt_already_pending_goes_on(pc: BarePc) -> None:
    pc.put(0x2000, "e6e0 fb f4 eb00 fa f4")  # out 0E0h,al ; sti ; hlt ; jmp $+2 ; cli ; hlt
    pc.put(0x4000, "43 cf")
    pc.gate(0x20, 0x4000)
    pc.probe.on_out = lambda _port, _width, _value: pc.controller.pending.append(0x20)
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.register("ebx") == 1


async def test_a_machine_nothing_can_wake_is_reported_and_an_nmi_wakes_it(pc: BarePc) -> None:
    pc.put(0x2000, "fa f4 eb00 fa f4")  # cli ; hlt ; jmp $+2 ; cli ; hlt
    pc.put(0x4000, "43 cf")
    pc.gate(2, 0x4000)
    pc.start(0x2000)
    async with pc.running():
        await pc.ended.wait()
        assert pc.events == [CpuShutdown(HALTED, 0x10, 0x2002)]
        assert pc.processor.shut_down
        pc.ended = trio.Event()
        pc.processor.nmi()
        await pc.ended.wait()
    assert pc.register("ebx") == 1
    assert pc.register("eip") == 0x2006


# -- pause, resume, step --------------------------------------------------------------------------


async def test_paused_means_standing_still(pc: BarePc) -> None:
    pc.put(0x2000, "40 ebfd")
    pc.start(0x2000)
    async with pc.running():
        async with pc.processor.paused():
            before = pc.processor.instructions
            async with pc.processor.paused():
                pass
            for _ in range(20):
                await wait_all_tasks_blocked()
            assert pc.processor.instructions == before
        while pc.processor.instructions == before:
            await trio.lowlevel.checkpoint()


async def test_it_goes_on_when_the_last_one_resumes(pc: BarePc) -> None:
    pc.put(0x2000, "40 ebfd")
    pc.start(0x2000)
    async with pc.running():
        await pc.processor.pause()
        await pc.processor.pause()
        before = pc.processor.instructions
        pc.processor.resume()
        await wait_all_tasks_blocked()
        assert pc.processor.instructions == before
        pc.processor.resume()
        await pc.processor.pause()
        assert pc.processor.instructions >= before
        pc.processor.resume()
        with pytest.raises(CpuStateError, match="without pause"):
            pc.processor.resume()


async def test_a_halted_and_a_dead_machine_can_be_paused(pc: BarePc) -> None:
    pc.put(0x2000, "fb f4")  # sti ; hlt
    pc.put(0x3000, "fa f4")
    pc.start(0x2000)
    with trio.fail_after(5):
        async with pc.running():
            while not pc.processor.halted:
                await trio.lowlevel.checkpoint()
            async with pc.processor.paused():
                pc.processor.flat32(0x3000, 0x8000)
            await pc.ended.wait()
            async with pc.processor.paused():
                assert pc.processor.shut_down


async def test_a_pause_that_is_cancelled_is_taken_back(pc: BarePc) -> None:
    pc.put(0x2000, "40 ebfd")
    pc.start(0x2000)
    async with pc.running():
        with trio.CancelScope() as scope:
            scope.cancel()
            await pc.processor.pause()
        before = pc.processor.instructions
        while pc.processor.instructions == before:
            await trio.lowlevel.checkpoint()


async def test_a_step_takes_no_interrupt_and_loses_none(pc: BarePc) -> None:
    pc.put(0x2000, "fb 90 90 90 90 90 90 eb00 fa f4")  # sti ; nops ; jmp $+2 ; cli ; hlt
    pc.put(0x4000, "43 cf")  # inc ebx ; iret
    pc.gate(0x20, 0x4000)
    pc.gate(2, 0x4000)
    pc.start(0x2000)
    async with pc.running():
        async with pc.processor.paused():
            pc.start(0x2000)
            pc.controller.ask(0x20)
            pc.processor.nmi()
            for step in range(1, 6):
                assert await pc.processor.step() == 1
                assert pc.register("eip") == 0x2000 + step
            assert pc.controller.acknowledged == []
        await pc.ended.wait()
    assert pc.register("ebx") == 2
    assert pc.controller.acknowledged == [0x20]


async def test_a_step_needs_a_pause(pc: BarePc) -> None:
    with pytest.raises(CpuStateError, match="pause the processor first"):
        await pc.processor.step()


# -- cycles ---------------------------------------------------------------------------------------


async def test_ports_are_read_and_written_in_every_width(pc: BarePc) -> None:
    # mov edx,0E4h ; in al,dx ; mov [6000h],eax ; in ax,dx ; mov [6004h],eax ; in eax,dx ;
    # mov [6008h],eax ; mov eax,12345678h ; out dx,al ; out dx,ax ; out dx,eax ; cli ; hlt
    pc.put(
        0x2000,
        "bae4000000 ec a300600000 66ed a304600000 ed a308600000 b878563412 ee 66ef ef fa f4",
    )
    pc.probe.on_in = lambda _port, width: 0xDDCCBBAA & (1 << 8 * width) - 1
    pc.start(0x2000, eax=0)
    await pc.run_to_halt()
    assert pc.dwords(0x6000, 3) == (0xAA, 0xBBAA, 0xDDCCBBAA)
    assert pc.probe.outs == [(0xE4, 1, 0x78), (0xE4, 2, 0x5678), (0xE4, 4, 0x12345678)]


async def test_rep_ins_and_outs_move_every_item_once(pc: BarePc) -> None:
    # cld ; mov edx,0E0h ; mov edi,10000h ; mov ecx,256 ; rep insd ; mov esi,10000h ; mov ecx,512 ;
    # rep outsw ; cli ; hlt
    pc.put(
        0x2000,
        "fc bae0000000 bf00000100 b900010000 f36d be00000100 b900020000 f3666f fa f4",
    )
    words = iter(range(1000, 1256))
    pc.probe.on_in = lambda _port, _width: next(words)
    pc.start(0x2000)
    await pc.run_to_halt()
    content = struct.pack("<256I", *range(1000, 1256))
    assert pc.processor.read_memory(0x10000, 1024) == content
    assert [value for _, _, value in pc.probe.outs] == list(struct.unpack("<512H", content))


async def test_what_is_not_ram_is_on_the_bus(pc: BarePc) -> None:
    seen: list[tuple[str, int, int, int]] = []

    def load(address: int, width: int) -> int:
        seen.append(("load", address, width, 0))
        return 0x11223344 & (1 << 8 * width) - 1

    def store(address: int, width: int, value: int) -> None:
        seen.append(("store", address, width, value))

    pc.probe.on_load, pc.probe.on_store = load, store
    # mov eax,[0A0004h] ; mov [0BFFFCh],ax ; mov [6000h],eax ; fild qword [0A0008h] ;
    # mov ebx,[40000000h] ; mov ecx,[0FFFFFFFCh] ; cli ; hlt
    pc.put(
        0x2000,
        "a104000a00 66a3fcff0b00 a300600000 df2d08000a00 8b1d00000040 8b0dfcffffff fa f4",
    )
    pc.start(0x2000)
    await pc.run_to_halt()
    assert seen == [
        ("load", 0xA0004, 4, 0),
        ("store", 0xBFFFC, 2, 0x3344),
        ("load", 0xA0008, 4, 0),
        ("load", 0xA000C, 4, 0),
    ]
    assert (pc.register("ebx"), pc.register("ecx")) == (0xFFFFFFFF, 0xFFFFFFFF)


async def test_a_card_that_raises_is_faulted_and_the_guest_goes_on(pc: BarePc) -> None:
    def fail(_port: int, _width: int) -> int:
        raise ValueError("no such register")

    pc.probe.on_in = fail
    # in al,0E0h ; mov [6000h],al ; jmp $+2 ; in al,0E1h ; mov [6001h],al ; cli ; hlt
    pc.put(0x2000, "e4e0 a200600000 eb00 e4e1 a201600000 fa f4")
    pc.start(0x2000)
    async with pc.running():
        while len(pc.events) < 2:
            await trio.lowlevel.checkpoint()
    fault, shutdown = pc.events
    assert isinstance(fault, CardFault)
    assert "no such register" in fault.what
    assert isinstance(shutdown, CpuShutdown)
    assert pc.processor.read_memory(0x6000, 2) == b"\xff\xff"


@pytest.mark.parametrize("what", ["in", "load"])
async def test_a_card_that_returns_no_number_is_faulted(pc: BarePc, what: str) -> None:
    def nothing(_place: int, _width: int) -> int:
        return cast("int", None)

    pc.probe.on_in = pc.probe.on_load = nothing
    # in al,0E0h / mov al,[0A0000h] ; mov [6000h],al ; cli ; hlt
    access = "e4e0" if what == "in" else "a000000a00"
    pc.put(0x2000, access + "a200600000 fa f4")
    pc.start(0x2000)
    async with pc.running():
        while len(pc.events) < 2:
            await trio.lowlevel.checkpoint()
    fault = pc.events[0]
    assert isinstance(fault, CardFault)
    assert "NoneType" in fault.what
    assert pc.processor.read_memory(0x6000, 1) == b"\xff"


async def test_a_value_wider_than_the_cycle_is_cut(pc: BarePc) -> None:
    pc.probe.on_in = lambda port, width: -2
    pc.put(0x2000, "31c0 e4e0 a300600000 fa f4")  # in al,0E0h ; mov [6000h],eax
    pc.start(0x2000)
    await pc.run_to_halt()
    assert pc.dwords(0x6000, 1) == (0xFE,)


async def test_a_cycle_that_raised_ends_the_slice(pc: BarePc) -> None:
    calls = 0

    def fail(_port: int, _width: int) -> int:
        nonlocal calls
        calls += 1
        raise ValueError

    pc.probe.on_in = fail
    pc.put(0x2000, "e4e0 ebfc")  # L: in al,0E0h ; jmp L
    pc.start(0x2000)
    async with pc.running():
        await pc.ended.wait()
    assert calls == 1


@pytest.mark.parametrize("what", ["in", "out", "load", "store"])
async def test_an_interrupt_from_the_keyboard_comes_through(pc: BarePc, what: str) -> None:
    def interrupt(*_: int) -> int:
        raise KeyboardInterrupt

    # in al,0E0h ; out 0E0h,al ; mov eax,[0A0000h] ; mov [0A0000h],eax ; jmp $
    code = {"in": "e4e0", "out": "e6e0", "load": "a100000a00", "store": "a300000a00"}[what]
    setattr(pc.probe, f"on_{what}", interrupt)
    pc.put(0x2000, code + "ebfe")
    pc.start(0x2000)
    with trio.fail_after(5), pytest.RaisesGroup(KeyboardInterrupt):
        async with pc.running():
            await trio.sleep_forever()


async def test_a_board_without_a_card_there_floats(pc: BarePc) -> None:
    pc.put(0x2000, "66ed fa f4")  # in ax,dx
    pc.start(0x2000, edx=0x300)
    await pc.run_to_halt()
    assert pc.register("eax") == 0xFFFF


# -- other pins -----------------------------------------------------------------------------------


async def test_the_a20_gate_masks_bit_20_at_once(pc: BarePc) -> None:
    pc.put(0x100000, b"high")
    pc.put(0, b"zero")
    # mov eax,[100000h] ; out 0E0h,al ; mov ebx,[100000h] ; out 0E1h,al ; mov ecx,[100000h]
    pc.put(0x2000, "a100001000 e6e0 8b1d00001000 e6e1 8b0d00001000 fa f4")
    pc.probe.on_out = lambda port, _width, _value: pc.processor.set_a20(port == 0xE1)
    pc.start(0x2000)
    await pc.run_to_halt()
    high, zero = (int.from_bytes(word, "little") for word in (b"high", b"zero"))
    assert [pc.register(r) for r in ("eax", "ebx", "ecx")] == [high, zero, high]


async def test_with_a20_masked_stores_and_code_wrap_too(pc: BarePc) -> None:
    pc.processor.set_a20(False)
    # mov byte [103001h],9 ; call 103000h ; mov ebx,eax ; mov byte [3001h],5 ; call 103000h
    pc.put(0x2000, "c6050130100009 e8f40f1000 89c3 c6050130000005 e8e60f1000 fa f4")
    pc.put(0x3000, "b807000000 c3")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert (pc.register("ebx"), pc.register("eax")) == (9, 5)


NO_ROM = "instruction fetch outside RAM"


async def test_reset_starts_at_the_top_in_real_mode(pc: BarePc) -> None:
    pc.put(0x2000, "0f22d8 d9e8 e6e0 ebfe")  # mov cr3,eax ; fld1 ; out 0E0h,al ; jmp $
    pc.probe.on_out = lambda _port, _width, _value: pc.processor.reset()
    pc.start(0x2000, eax=0x5000)
    assert await pc.run() == CpuShutdown(NO_ROM, 0xF000, 0xFFF0)
    state = pc.processor.take_state()
    assert (state.cs.base, state.edx, state.cr0, state.cr3) == (0xFFFF0000, 0x480, 0x60000010, 0)
    assert (state.fpu.fpuc, state.fpu.fptags, state.eflags) == (0x37F, [1] * 8, 2)


async def test_a_dead_machine_can_be_reset(pc: BarePc) -> None:
    pc.put(0x2000, "0f0b")
    pc.start(0x2000)
    pc.processor.engine.env.idt.limit = 0
    async with pc.running():
        await pc.ended.wait()
        pc.ended = trio.Event()
        pc.processor.reset()
        await pc.ended.wait()
    assert pc.events == [
        CpuShutdown("triple fault", 0x10, 0x2000),
        CpuReset(),
        CpuShutdown(NO_ROM, 0xF000, 0xFFF0),
    ]


async def test_flat32_is_how_a_boot_loader_leaves_it(pc: BarePc) -> None:
    pc.processor.flat32(0x123456, 0x7000, eax=0x2BADB002, ebx=0x10000)
    state = pc.processor.take_state()
    assert (state.eip, state.esp, state.eax, state.ebx) == (0x123456, 0x7000, 0x2BADB002, 0x10000)
    assert (state.cr0 & 0x80000001, state.eflags & 0x200, state.cpl) == (1, 0, 0)
    assert {(s.base, s.limit) for s in (state.cs, state.ds, state.es, state.ss)} == {
        (0, 0xFFFFFFFF)
    }
    with pytest.raises(CpuStateError, match="r8"):
        pc.processor.flat32(0, 0, r8=1)


async def test_a_window_writes_as_dma_does(pc: BarePc) -> None:
    pc.put(0x2000, "e8fb0f0000 89c3 e6e0 e8f20f0000 fa f4")  # call 3000h ; mov ebx,eax ; out ; call
    pc.put(0x3000, "b807000000 c3")
    window = pc.processor.window(0x3000, 16, by="disk")
    pc.probe.on_out = lambda _port, _width, _value: window.write(1, b"\x63")
    pc.start(0x2000)
    await pc.run_to_halt()
    assert (pc.register("ebx"), pc.register("eax")) == (7, 0x63)
    window.revoke()
    with pytest.raises(MemoryBoundsError):
        window.write(0, b"\0")


# -- models ---------------------------------------------------------------------------------------

CPUID = "b801000000 0fa2 fa f4"  # mov eax,1 ; cpuid ; cli ; hlt
FPU, TSC, CX8 = 1, 1 << 4, 1 << 8


async def test_each_model_says_what_it_is(open_pc: OpenPc) -> None:
    found = {}
    for model in ("486", "586"):
        async with open_pc(model=model) as pc:
            pc.put(0x2000, CPUID)
            pc.start(0x2000)
            await pc.run_to_halt()
            family = pc.register("eax") >> 8 & 0xF
            found[model] = (family, pc.register("edx") & (FPU | TSC | CX8))
    assert found == {"486": (4, FPU), "586": (5, FPU | TSC | CX8)}


async def test_the_time_stamp_counter_follows_machine_time(open_pc: OpenPc) -> None:
    async with open_pc(model="586", rate=1_000_000) as pc:
        # rdtsc ; mov ebx,eax ; mov ecx,1000 ; L: loop L ; rdtsc ; sub eax,ebx ; cli ; hlt
        pc.put(0x2000, "0f31 89c3 b9e8030000 e2fe 0f31 29d8 fa f4")
        pc.start(0x2000)
        await pc.run_to_halt()
        # 1000 instructions are a millisecond, the counter runs at 100 MHz
        assert pc.register("eax") == pytest.approx(100_000, rel=0.01)


# -- deterministic mode ---------------------------------------------------------------------------

# sti ; L: inc ecx ; imul eax,ecx,19 ; add ebx,eax ; cmp edi,40 ; jne L ; cli ; hlt
COUNTING = "fb 41 6bc113 01c3 83ff28 75f5 fa f4"
# push eax ; mov eax,[esi] ; inc edi ; mov [edi*8+6000h],ecx ; mov [edi*8+6004h],ebx ; out 0E1h,al ;
# pop eax ; iret
NOTING = "50 8b06 47 890cfd00600000 891cfd04600000 e6e1 58 cf"


async def noted(open_pc: OpenPc, disturb: bool) -> tuple[object, ...]:
    async with open_pc(rate=50_000_000) as pc:
        pc.put(0x2000, COUNTING)
        pc.put(0x4000, NOTING)
        for vector in (0x20, 0x21):
            pc.gate(vector, 0x4000)
        pc.probe.on_out = lambda _port, _width, _value: pc.processor.sync_interrupts()
        pc.start(0x2000, esi=0x6000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pulse(pc, 0x20, 333_333, 20))
            nursery.start_soon(pulse(pc, 0x21, 777_777, 20))

            async def stop_and_go() -> None:
                while True:
                    async with pc.processor.paused():
                        await trio.lowlevel.checkpoint()
                    await trio.sleep(0.0002)

            if disturb:
                nursery.start_soon(stop_and_go)
            await pc.run_to_halt()
            nursery.cancel_scope.cancel()
        trace = pc.dwords(0x6000, 82)
        return (trace, pc.controller.acknowledged, pc.processor.instructions, pc.register("ebx"))


async def test_deterministic_runs_are_equal_however_they_are_stopped(open_pc: OpenPc) -> None:
    first = await noted(open_pc, disturb=False)
    assert first == await noted(open_pc, disturb=True)
    assert first == await noted(open_pc, disturb=False)


async def test_hlt_skips_to_the_deadline_in_deterministic_mode(counted_pc: BarePc) -> None:
    pc = counted_pc
    pc.put(0x2000, "fb f4 ebfd")  # sti ; L: hlt ; jmp L
    pc.put(0x4000, "43 cf")
    pc.put(0x4100, "fa f4")
    pc.gate(0x20, 0x4000)
    pc.gate(0x21, 0x4100)
    pc.start(0x2000)
    began = time.monotonic()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pulse(pc, 0x20, SECOND, 1000))
        nursery.start_soon(pulse(pc, 0x21, 999 * SECOND + 1, 1))
        await pc.run_to_halt()
        nursery.cancel_scope.cancel()
    assert pc.register("ebx") == 999
    assert pc.backplane.clock.now() == pytest.approx(999 * SECOND, abs=MS)
    assert time.monotonic() - began < 10
    assert pc.processor.instructions < 10_000


async def test_rollback_turns_machine_time_back_in_deterministic_mode(counted_pc: BarePc) -> None:
    pc = counted_pc
    pc.put(0x2000, "40 ebfd")
    pc.start(0x2000)
    async with pc.processor.paused():
        await pc.processor.step(1000)
        pc.processor.ram.commit()
        point, now = pc.processor.checkpoint(), pc.backplane.clock.now()
        assert now == 1000 * SECOND // 100_000_000
        await pc.processor.step(5000)
        assert pc.backplane.clock.now() > now
        pc.processor.rollback(point)
        assert pc.backplane.clock.now() == now


async def test_in_real_time_the_clock_runs_on_over_a_rollback(pc: BarePc) -> None:
    pc.put(0x2000, "40 ebfd")
    pc.start(0x2000)
    async with pc.processor.paused():
        await pc.processor.step(1000)
        point = pc.processor.checkpoint()
        await pc.processor.step(5000)
        now = pc.backplane.clock.now()
        pc.processor.rollback(point)
        assert pc.backplane.clock.now() >= now
        assert pc.processor.instructions == 6000
