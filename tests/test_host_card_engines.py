"""A board's cards in machine code, in the board's process and in their own."""

from __future__ import annotations

import signal

import trio

from hotswap.bus import BoardEvent, CardFault, CodeEngine, CpuShutdown, MachineClock, open_backplane
from hotswap.cards.elf import ElfCard
from hotswap.cpu import InstructionTime, Processor, Ram
from hotswap.cpu.code_engine import CodeLease
from hotswap.host.bench_cards import CARD
from hotswap.host.card_engines import CardEngines
from hotswap.host.elf_cards import elf_image
from hotswap.host.sandbox import ProcessEngine

PATIENT = 5_000_000_000
# mov dx,300h ; in al,dx ; mov [2000h],al ; cli ; hlt
READ_STATUS = bytes.fromhex("66ba0003 ec a200200000 fa f4")


async def test_engines_are_made_where_they_are_wanted() -> None:
    with CardEngines() as engines:
        here = await engines.take("engine")
        assert isinstance(here, CodeLease)
        assert engines.processes is None
        in_process = await engines.take("process")
        assert isinstance(in_process, ProcessEngine)
        here.close()
        in_process.close()


async def test_many_cards_at_once_each_have_a_process() -> None:
    taken: list[CodeEngine] = []
    with CardEngines(PATIENT) as engines:

        async def take() -> None:
            taken.append(await engines.take("process"))

        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(take)
        for number, engine in enumerate(taken):
            engine.map(0x100000, 0x1000, writable=True, executable=False)
            engine.write(0x100000, bytes([number]))
        assert [engine.read(0x100000, 1)[0] for engine in taken] == [0, 1, 2, 3, 4]
        for engine in taken:
            engine.close()


async def test_a_cycle_floats_when_the_process_is_late_and_the_card_is_off_the_bus() -> None:
    """The guest reads the card's status; then its process is stopped, as if it hung."""
    events: list[BoardEvent] = []
    time = InstructionTime(100_000_000)

    async def status() -> int:
        events.clear()
        processor.flat32(0x1000, 0x1000)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(processor.run)
            with trio.fail_after(20):
                while not any(isinstance(event, CpuShutdown) for event in events):
                    await trio.testing.wait_all_tasks_blocked(0.001)
            nursery.cancel_scope.cancel()
        return processor.read_memory(0x2000, 1)[0]

    with CardEngines(PATIENT) as engines:
        async with open_backplane(MachineClock(time.now)) as backplane:
            engine = await engines.take("process")
            assert isinstance(engine, ProcessEngine)
            slot = await backplane.insert(ElfCard(elf_image(CARD), {}, engine))
            processor = Processor(Ram(1 << 20), backplane, time)
            processor.write_memory(0x1000, READ_STATUS)
            with backplane.listening(events.append):
                assert await status() == 0x40
                engine._deadline = 2_500_000
                signal.pidfd_send_signal(engine._child.process, signal.SIGSTOP)
                assert await status() == 0xFF
                (fault,) = [event for event in events if isinstance(event, CardFault)]
                assert "no answer within 2.5 ms" in fault.what
                assert await status() == 0xFF
                assert not any(isinstance(event, CardFault) for event in events)
            await backplane.remove(slot.number)
