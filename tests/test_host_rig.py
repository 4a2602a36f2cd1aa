"""The rig on a board without a guest: cards in and out, expectations, machine time."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from hotswap.bus import BusError, Card, PortRange, Slot, State
from hotswap.bus.injection import LoseIrq
from hotswap.host.discovery import PluginError
from hotswap.host.pytest_plugin import VirtualClock
from hotswap.host.rig import ExpectationFailed, Ports, Rig

PORT = 0x300


class Ticker(Card[State]):
    """Raises IRQ 5 a millisecond after each OUT, and says so on its output."""

    name = "ticker"
    ports = PortRange(PORT, 1)
    irq = 5
    state_type = State

    def write(self, port: int, width: int, value: int) -> None:
        self.slot.irq.set(False)
        self.slot.alarm.set(self.slot.clock.now() + 1_000_000)

    async def run(self, slot: Slot) -> None:
        while True:
            await slot.alarm.wait()
            slot.output.write(b"tick\r\n")
            slot.irq.set(True)


async def test_a_card_is_inserted_by_name_by_class_or_as_it_is(rig: Rig) -> None:
    uart = await rig.insert_card("uart", base=0x2F8, irq=3)
    assert [str(each) for each in uart.resources.ports] == ["0x02f8-0x02ff"]
    assert (await rig.insert_card(Ticker)).title == "ticker"
    await rig.remove_card(1)
    assert (await rig.insert_card(Ticker(), 7)).number == 7
    with pytest.raises(TypeError, match="has its settings"):
        await rig.insert_card(Ticker(), base=1)
    with pytest.raises(PluginError, match="no card is called 'uarz'; did you mean uart"):
        await rig.insert_card("uarz")
    with pytest.raises(BusError, match="slot 7"):
        await rig.insert_card("post", 7)


async def test_an_object_file_is_a_card(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "broken.o").write_bytes(b"no ELF")
    for path in (tmp_path / "broken.o", str(tmp_path / "broken.o")):
        with pytest.raises(Exception, match=r"broken\.o"):
            await rig.insert_card(path)
    assert rig.backplane.slots == {}


async def test_an_interrupt_comes_in_its_time_and_not_before(rig: Rig) -> None:
    await rig.insert_card(Ticker)
    rig.ports.write(PORT, 1)
    await rig.expect_no_irq(5, within="999 us")
    edge = await rig.expect_irq(5, within="1 us")
    assert edge.time == rig.now == 1_000_000


async def test_what_came_between_two_expectations_is_found_once(rig: Rig) -> None:
    await rig.insert_card(Ticker)
    rig.ports.write(PORT, 1)
    await rig.pass_time("1 ms")
    rig.ports.write(PORT, 1)
    await rig.pass_time("1 ms")
    assert (await rig.expect_irq(5, within="0 ns")).time == 1_000_000
    assert (await rig.expect_irq(5, within=0)).time == 2_000_000
    await rig.expect_no_irq(5, within="1 s")


async def test_time_stands_while_nobody_waits_for_it(rig: Rig, virtual_clock: VirtualClock) -> None:
    await rig.insert_card(Ticker)
    rig.ports.write(PORT, 1)
    await trio.testing.wait_all_tasks_blocked()
    assert virtual_clock.now == 0


async def test_several_tasks_wait_at_once_each_with_its_own_deadline(rig: Rig) -> None:
    await rig.insert_card(Ticker)
    seen: list[str] = []

    async def irq() -> None:
        await rig.expect_irq(5, within="10 ms")
        seen.append("irq")

    async def text() -> None:
        await rig.expect_serial("^tick$", within="10 ms", port=rig.backplane.slots[0])
        seen.append("text")

    async def nothing() -> None:
        with pytest.raises(ExpectationFailed):
            await rig.expect_irq(7, within="500 us")
        assert rig.now == 500_000
        seen.append("nothing")

    rig.ports.write(PORT, 1)
    async with trio.open_nursery() as nursery:
        for task in (irq, text, nothing):
            nursery.start_soon(task)
    assert sorted(seen) == ["irq", "nothing", "text"]
    assert rig.now == 1_000_000


async def test_an_expectation_that_is_cancelled_leaves_nothing(rig: Rig) -> None:
    await rig.insert_card(Ticker)
    with trio.move_on_after(0):
        await rig.expect_irq(5, within="1 s")
    assert rig.recorder.edges._waiting == []
    rig.ports.write(PORT, 1)
    await rig.expect_irq(5, within="1 ms")


async def test_cycles_are_found_by_port_direction_value_and_width(rig: Rig) -> None:
    await rig.insert_card("post")
    for value in (1, 2, 3):
        rig.ports.write(0x80, value)
    rig.ports.read(0x80)
    assert (await rig.expect_cycle(0x80, write=True, value=2, within="0 ns")).value == 2
    assert (await rig.expect_cycle(0x80, within="0 ns")).value == 3
    assert not (await rig.expect_cycle(0x80, write=False, width=1, within="0 ns")).write
    await rig.expect_no_cycle(0x80, within="1 ms")
    rig.ports.write(0x80, 4)
    with pytest.raises(ExpectationFailed, match=r"OUT 0x0080 value 0x4 came .* none was expected"):
        await rig.expect_no_cycle(0x80, write=True, value=4, within="1 ms")


async def test_a_serial_port_is_read_line_by_line_and_written(rig: Rig) -> None:
    await rig.insert_card("uart")
    rig.ports.write(0x3F8 + 3, 3)
    for letter in b"one\r\ntwo\r\n":
        rig.ports.write(0x3F8, letter)
        await rig.pass_time("2 ms")
    assert (await rig.expect_serial(r"^(\w+)\n", within="1 ms"))[1] == "one"
    await rig.expect_no_serial("one", within="1 ms")
    assert (await rig.expect_serial(r"^(\w+)\n", within="1 ms"))[1] == "two"
    rig.send_serial("Q")
    await rig.pass_time("10 ms")
    assert rig.ports.read(0x3F8) == ord("Q")
    with pytest.raises(ValueError, match="there is no serial port 2; there are 1"):
        rig.send_serial("x", port=2)


@pytest.mark.parametrize("length", ["1 hour", "", "-1 ms"])
async def test_a_limit_that_is_no_length_of_time_is_refused(rig: Rig, length: str) -> None:
    with pytest.raises(ValueError, match="is no length of time"):
        await rig.expect_irq(5, within=length)


async def test_a_failure_says_what_when_and_what_was_there_instead(rig: Rig) -> None:
    slot = await rig.insert_card(Ticker)
    rig.ports.write(PORT, 9)
    await rig.pass_time("3 ms")
    with pytest.raises(ExpectationFailed) as failed:
        await rig.expect_cycle(PORT, write=True, value=7, within="2 ms")
    assert str(failed.value) == (
        "no OUT 0x0300 value 0x7 within 2 ms of machine time from 3.000000 ms\n"
        "the last cycles of that port:\n"
        "      0.000000 ms  OUT   0x0300 0x09  ticker"
    )
    await rig.expect_irq(5, within="0 ns")
    with pytest.raises(ExpectationFailed, match=r"edges of that line:\n1\.000000 ms rise$"):
        await rig.expect_irq(5, within="2 ms")
    with pytest.raises(ExpectationFailed, match=r"no 'tock' from ticker .*\n.*expected:\ntick\n"):
        await rig.expect_serial("tock", within="1 ms", port=slot)


async def test_faults_are_injected_by_it(rig: Rig) -> None:
    await rig.insert_card(Ticker)
    lost = rig.inject(LoseIrq(irq=5, times=1))
    rig.ports.write(PORT, 1)
    await rig.expect_no_irq(5, within="5 ms")
    rig.ports.write(PORT, 1)
    await rig.expect_irq(5, within="5 ms")
    assert lost.spent


async def test_ports_and_backplane_are_those_of_the_rig(rig: Rig, ports: Ports) -> None:
    await rig.insert_card("post")
    ports.write(0x80, 5)
    await rig.expect_cycle(0x80, value=5, within="0 ns")
    with pytest.raises(RuntimeError, match="no processor; mark the test with hotswap_machine"):
        _ = rig.board
    with pytest.raises(BusError, match="no card with a screen"):
        _ = rig.screen


async def test_records_are_not_kept_for_who_only_watches(rig: Rig) -> None:
    await rig.insert_card("post")
    rig.ports.write(0x80, 1)
    assert rig.backplane.trace.records == []
    rig.backplane.io.trace(True)
    rig.ports.write(0x80, 2)
    rig.backplane.io.trace(False)
    rig.ports.write(0x80, 3)
    assert [record.value for record in rig.backplane.trace.records] == [2]  # type: ignore[union-attr]
    assert [record.value for record in rig.recorder.tail] == [1, 2, 3]  # type: ignore[union-attr]
