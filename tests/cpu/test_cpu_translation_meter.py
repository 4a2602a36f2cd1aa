"""What translating costs is counted: each new block once, and only while the meter is on."""

from .conftest import BarePc

BLOCKS = 40


def run(pc: BarePc) -> None:
    pc.start(0x2000)
    pc.processor.engine.counter.stop_at()
    pc.processor.engine.run()
    assert pc.processor.engine.halted


async def test_every_new_block_is_counted_once(pc: BarePc) -> None:
    pc.put(0x2000, "eb00 " * (BLOCKS - 1) + "f4")  # jmp to the next; hlt
    with pc.processor.translations() as meter:
        run(pc)
        assert meter.blocks == BLOCKS
        spent = meter.ns
        assert spent > 0
        run(pc)
        assert (meter.blocks, meter.ns) == (BLOCKS, spent)
        pc.put(0x2000, "eb00")  # the host writes one of them again
        run(pc)
        assert meter.blocks > BLOCKS


async def test_nothing_is_counted_before_and_after(pc: BarePc) -> None:
    pc.put(0x2000, "eb00 f4")
    meter = pc.processor.translations()
    run(pc)
    with meter:
        pass
    pc.put(0x2000, "9090 f4")
    run(pc)
    assert (meter.blocks, meter.ns) == (0, 0)
