"""Plug and Play cards on a bus: found, configured, leased, given back, frozen and put back."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import CapturingLogger
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import (
    Backplane,
    BusError,
    Card,
    CardError,
    Choices,
    Configuration,
    DmaChoice,
    IrqChoice,
    LogicalDevice,
    MachineClock,
    MemoryChoice,
    PlugAndPlay,
    PortChoice,
    PortRange,
    Resources,
    Slot,
    State,
    open_backplane,
)
from hotswap.bus.pnp_tags import eisa_id
from hotswap.host.pytest_plugin import Ports

from .isapnp import ADDRESS, READ_DATA, PnpGuest

BASE, IRQ = 0x300, 5
DEVICE = LogicalDevice(
    "TST0002",
    Choices((PortChoice(0x300, 4, last=0x3F0, step=4),), irqs=(IrqChoice((3, 5, 7)),)),
    latches={3: "latch"},
)
WINDOW = LogicalDevice(
    "TST0003",
    Choices(windows=(MemoryChoice(0xD0000, 0x1000),), dmas=(DmaChoice((1, 3)),)),
)


class ModemState(State):
    got: list[int] = msgspec.field(default_factory=list)
    latch: int = 0


class Modem(Card[ModemState]):
    """Two logical devices; raises its line when it is written to. Reads as `answer`."""

    name = "modem"
    state_type = ModemState

    def __init__(
        self, serial: int | None = None, vendor: str = "TST0001", answer: int = 0x11
    ) -> None:
        super().__init__()
        self.told: list[tuple[int, Configuration | None]] = []
        self.runs = 0
        self.serial, self.vendor, self.answer = serial, vendor, answer

    def plug_and_play(self) -> PlugAndPlay | None:
        return PlugAndPlay(self.vendor, "modem", (DEVICE, WINDOW), self.serial)

    def configured(self, device: int, at: Configuration | None) -> None:
        self.told.append((device, at))

    def read(self, port: int, width: int) -> int:
        return self.answer

    def write(self, port: int, width: int, value: int) -> None:
        self.state.got.append(value)
        self.slot.irq.set(True)

    def memory_read(self, address: int, width: int) -> int:
        return 0x22

    async def run(self, slot: Slot) -> None:
        self.runs += 1
        await super().run(slot)


class Jumpers(Card[State]):
    """Has the ports and the line somebody else may want."""

    name = "jumpers"
    state_type = State

    def __init__(self, ports: PortRange, irqs: tuple[int, ...] = ()) -> None:
        super().__init__()
        self.taken = Resources(ports=(ports,), irqs=irqs)

    def resources(self) -> Resources:
        return self.taken

    def read(self, port: int, width: int) -> int:
        return 0x33


async def found(backplane: Backplane, ports: Ports, card: Modem | None = None) -> PnpGuest:
    """A guest that has found the card, which is awake."""
    await backplane.insert(Modem() if card is None else card)
    guest = PnpGuest(ports)
    guest.send_key()
    assert len(guest.isolate()) == 1
    guest.wake(1)
    return guest


# -- isolation ------------------------------------------------------------------------------------


IDS = st.tuples(
    st.from_regex("[A-Z]{3}[0-9A-F]{4}", fullmatch=True), st.integers(0, 0xFFFFFFFF)
).filter(lambda pair: pair[0] != "AAA0000")


@settings(deadline=None)
@given(ids=st.sets(IDS, min_size=1, max_size=8))
async def test_every_card_gets_one_number_and_is_found_by_its_identifier(
    ids: set[tuple[str, int]],
) -> None:
    async with open_backplane(MachineClock(lambda: 0)) as backplane:
        for vendor, serial in ids:
            await backplane.insert(Modem(serial, vendor))
        guest = PnpGuest(Ports(backplane))
        guest.send_key()
        numbers = guest.isolate()
        assert sorted(numbers.values()) == sorted(
            eisa_id(vendor) + serial.to_bytes(4, "little") for vendor, serial in ids
        )
        for csn, identifier in numbers.items():
            guest.wake(csn)
            assert bytes(guest.read(0x04) for _ in range(8)) == identifier
            assert guest.read(0x06) == csn
        assert guest.isolate() == {}


async def test_a_card_inserted_later_is_found_by_the_next_isolation_alone(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    assert guest.activate(0, BASE, IRQ)
    guest.wait_for_key()
    await backplane.insert(Modem())
    assert ports.read(BASE) == 0x11
    guest.send_key()
    assert guest.isolate(first_csn=2) == {2: bytes.fromhex("5274000101000000")}
    guest.wake(2)
    assert guest.activate(0, BASE + 4, 7)
    assert ports.read(BASE) == ports.read(BASE + 4) == 0x11


async def test_a_removed_card_is_found_no_more(backplane: Backplane, ports: Ports) -> None:
    guest = await found(backplane, ports)
    await backplane.remove(0)
    guest.write(0x02, 0x04)
    assert guest.isolate() == {}
    assert ports.read(READ_DATA) == 0xFF


async def test_writes_to_the_status_port_of_a_printer_are_plug_and_play_s_too(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Jumpers(PortRange(0x278, 3)))
    await found(backplane, ports)
    assert ports.read(ADDRESS) == 0x33


async def test_a_card_whose_port_is_read_data_spoils_the_isolation_and_another_place_does_not(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Jumpers(PortRange(READ_DATA, 1)))
    await backplane.insert(Modem())
    guest = PnpGuest(ports)
    guest.send_key()
    assert guest.isolate() == {}
    guest.read_data += 0x20
    assert len(guest.isolate()) == 1


# -- activation -----------------------------------------------------------------------------------


async def test_until_it_is_activated_a_card_leases_nothing(
    backplane: Backplane, ports: Ports
) -> None:
    card = Modem()
    guest = await found(backplane, ports, card)
    assert backplane.leases == {0: Resources()}
    card.write(BASE, 1, 0)  # its line leads nowhere
    assert not any(backplane.irq.levels)
    assert not card.slot.irq.level
    assert guest.activate(0, BASE, IRQ)
    leased = backplane.leases[0]
    assert (leased.ports, leased.irqs) == ((PortRange(BASE, 4),), (IRQ,))
    assert card.told == [(0, Configuration((BASE,), (), (IRQ,), ()))]


async def test_an_active_card_answers_drives_its_line_and_has_its_latch(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    assert ports.read(BASE + 2) == 0x11
    ports.write(BASE, 0x42)
    assert backplane.irq.levels[IRQ]
    assert backplane.io.latches.cells[BASE + 3]


async def test_a_window_and_a_dma_channel_are_leased_by_the_second_device(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.write(0x07, 1)
    guest.write(0x40, 0x0D)
    guest.write(0x74, 3)
    guest.write(0x30, 1)
    assert backplane.memory_read(0xD0000, 1) == 0x22
    assert backplane.slots[0].drq.line == 3
    guest.write(0x30, 0)
    assert backplane.memory_read(0xD0000, 1) == 0xFF
    assert backplane.drq.holder(3) is None


async def test_deactivation_gives_all_back(backplane: Backplane, ports: Ports) -> None:
    card = Modem()
    guest = await found(backplane, ports, card)
    guest.activate(0, BASE, IRQ)
    ports.write(BASE, 0)
    guest.deactivate(0)
    assert guest.read(0x30) == 0
    assert ports.read(BASE) == 0xFF
    assert not backplane.irq.levels[IRQ]
    assert not backplane.io.latches.cells[BASE + 3]
    assert backplane.leases == {0: Resources()}
    assert card.told[1:] == [(0, None)]


@pytest.mark.parametrize(("base", "irq"), [(0x340, 5), (0x300, 7), (0x302, 5), (0x300, 4)])
async def test_an_activation_that_cannot_be_does_not_take(
    backplane: Backplane, ports: Ports, base: int, irq: int
) -> None:
    """A port or a line of another card; a base or a line that was never offered."""
    await backplane.insert(Jumpers(PortRange(0x342, 1), (7,)), 9)
    card = Modem()
    guest = await found(backplane, ports, card)
    assert not guest.activate(0, base, irq)
    assert backplane.leases[0] == Resources()
    assert card.told == []
    assert guest.activate(0, 0x304, 5)


async def test_the_log_says_once_why_an_activation_does_not_take(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(Jumpers(PortRange(BASE + 2, 1)), 9)
    guest = await found(backplane, ports)
    log = backplane.slots[0].log = CapturingLogger()
    for _ in range(3):
        assert not guest.activate(0, BASE, IRQ)
    (call,) = log.calls
    assert (call.method_name, call.args) == ("warning", ("activation did not take",))
    assert call.kwargs["why"] == (
        "card modem: port 0x0302 (of 0x0300-0x0303) is taken by card jumpers in slot 9; "
        "set another base or remove it"
    )


async def test_what_another_gave_back_can_be_had(backplane: Backplane, ports: Ports) -> None:
    await backplane.insert(Jumpers(PortRange(BASE, 1)), 9)
    guest = await found(backplane, ports)
    assert not guest.activate(0, BASE, IRQ)
    await backplane.remove(9)
    assert guest.activate(0, BASE, IRQ)


async def test_without_a_base_and_a_line_a_device_is_active_with_nothing(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    assert guest.activate(0, 0, 0)
    assert backplane.leases[0] == Resources()


async def test_removal_gives_back_what_was_activated(backplane: Backplane, ports: Ports) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    await backplane.remove(0)
    await backplane.insert(Jumpers(PortRange(BASE, 4), (IRQ,)))
    assert ports.read(BASE) == 0x33


async def test_many_cards_come_and_go_and_the_bus_is_as_it_was(
    backplane: Backplane, ports: Ports
) -> None:
    space = backplane.io
    paths = [list(table[width]) for table in (space.reads, space.writes) for width in (1, 2, 4)]
    for _ in range(20):
        guest = await found(backplane, ports)
        guest.activate(0, BASE, IRQ)
        guest.write(0x07, 1)
        guest.write(0x40, 0x0D)
        guest.write(0x31, 2)
        await backplane.remove(0)
    assert paths == [
        list(table[width]) for table in (space.reads, space.writes) for width in (1, 2, 4)
    ]
    assert backplane.irq.holder(IRQ) is None


async def test_the_reset_command_resets_the_card_and_lets_it_run_again(
    backplane: Backplane, ports: Ports
) -> None:
    card = Modem()
    guest = await found(backplane, ports, card)
    guest.activate(0, BASE, IRQ)
    ports.write(BASE, 0x42)
    card.slot.post("work")
    await wait_all_tasks_blocked()
    guest.write(0x02, 0x01)
    assert (card.state, card.slot.commands.snapshot()) == (ModemState(), [])
    assert backplane.leases == {0: Resources()}
    assert not backplane.irq.levels[IRQ]
    assert guest.read(0x06) == 1  # the number is kept
    await wait_all_tasks_blocked()
    assert card.runs == 2
    assert card.slot.running


@pytest.mark.parametrize(("choice", "driven"), [(1, 0x55), (0, 0xAA)])
async def test_the_range_check_shows_whether_ports_are_free(
    backplane: Backplane, ports: Ports, choice: int, driven: int
) -> None:
    await backplane.insert(Jumpers(PortRange(BASE + 1, 1)), 9)
    guest = await found(backplane, ports)
    guest.write(0x60, BASE >> 8)
    guest.write(0x61, BASE & 0xFF)
    guest.write(0x31, 0x02 | choice)
    assert [ports.read(BASE + n) for n in range(4)] == [driven, driven & 0x33, driven, driven]
    guest.write(0x31, 0)
    assert [ports.read(BASE + n) for n in range(4)] == [0xFF, 0x33, 0xFF, 0xFF]


# -- faults ---------------------------------------------------------------------------------------


async def test_a_card_that_raises_when_it_is_told_is_off_the_bus(
    backplane: Backplane, ports: Ports
) -> None:
    class Broken(Modem):
        def configured(self, device: int, at: Configuration | None) -> None:
            raise LookupError("no crystal")

    card = Broken()
    guest = await found(backplane, ports, card)
    guest.activate(0, BASE, IRQ)
    assert card.slot.fault is not None
    assert card.slot.fault.what == "LookupError: no crystal"
    assert ports.read(BASE) == 0xFF
    assert guest.read(0x06) == 0xFF  # it decodes nothing any more
    await backplane.remove(0)
    await backplane.insert(Jumpers(PortRange(BASE, 4), (IRQ,)))


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (ValueError("no such id"), BusError, "card silent: Plug and Play: no such id; change its"),
        (LookupError("x"), CardError, "cannot say what it is to Plug and Play: LookupError: x"),
    ],
)
async def test_a_card_that_cannot_say_what_it_is_is_not_plugged_in(
    backplane: Backplane, error: Exception, kind: type[Exception], what: str
) -> None:
    class Silent(Modem):
        name = "silent"

        def plug_and_play(self) -> PlugAndPlay | None:
            raise error

    with pytest.raises(kind, match=what):
        await backplane.insert(Silent())
    assert backplane.slots == {}


async def test_a_card_that_raises_when_it_is_reset_is_off_the_bus(
    backplane: Backplane, ports: Ports
) -> None:
    class Broken(Modem):
        broken = False

        def power_on(self) -> None:
            if self.broken:
                raise LookupError("no crystal")
            super().power_on()

    card = Broken()
    guest = await found(backplane, ports, card)
    guest.activate(0, BASE, IRQ)
    card.broken = True
    guest.write(0x02, 0x01)
    assert card.slot.fault is not None
    assert guest.read(0x06) == 0xFF


@pytest.mark.parametrize(
    ("latches", "what"),
    [
        ({4: "latch"}, "TST0002: the latch at offset 4 is at none of its first ports"),
        ({3: "nothing"}, "the number nothing of its state, which ModemState has not"),
    ],
)
async def test_latches_that_cannot_be_are_refused_at_insertion(
    backplane: Backplane, latches: dict[int, str], what: str
) -> None:
    class Wrong(Modem):
        def plug_and_play(self) -> PlugAndPlay | None:
            device = msgspec.structs.replace(DEVICE, latches=latches)
            return PlugAndPlay(self.vendor, "modem", (device,))

    with pytest.raises(BusError, match=what):
        await backplane.insert(Wrong())
    assert backplane.slots == {}


# -- freeze, snapshot, reset, replacement ---------------------------------------------------------


async def test_a_snapshot_put_back_has_the_leases_of_then(
    backplane: Backplane, ports: Ports
) -> None:
    """Two cards have changed places since."""
    guest = await found(backplane, ports, Modem(answer=0x10))
    other = Modem(answer=0x20)
    await backplane.insert(other)
    guest.wait_for_key()
    guest.send_key()
    guest.isolate(first_csn=2)
    for csn, base, irq in ((1, BASE, 3), (2, BASE + 4, 5)):
        guest.wake(csn)
        guest.activate(0, base, irq)
    ports.write(BASE + 4, 0)
    saved = backplane.snapshot()
    for csn in (1, 2):
        guest.wake(csn)
        guest.deactivate(0)
    for csn, base, irq in ((1, BASE + 4, 5), (2, BASE, 3)):
        guest.wake(csn)
        assert guest.activate(0, base, irq)
    assert (ports.read(BASE), ports.read(BASE + 4)) == (0x20, 0x10)
    guest.wait_for_key()
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    assert (ports.read(BASE), ports.read(BASE + 4)) == (0x10, 0x20)
    assert (backplane.irq.holder(3), backplane.irq.holder(5)) == (0, 1)
    assert backplane.irq.levels[5]
    assert other.told[-1] == (0, Configuration((BASE + 4,), (), (5,), ()))
    assert guest.read(0x06) == 2  # still awake, as it was


async def test_a_snapshot_from_before_the_activation_has_no_leases(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    saved = backplane.snapshot()
    guest.activate(0, BASE, IRQ)
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    assert ports.read(BASE) == 0xFF
    assert backplane.leases == {0: Resources()}


async def test_a_rollback_lifts_a_fault_that_came_after_the_activation(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    saved = backplane.snapshot()
    backplane.slots[0].set_fault(LookupError("no crystal"))
    assert ports.read(BASE) == 0xFF
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    assert ports.read(BASE) == 0x11
    assert guest.read(0x06) == 1
    assert backplane.slots[0].irq.line == IRQ


async def test_a_snapshot_of_a_faulted_card_has_it_off_the_bus(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    backplane.slots[0].set_fault(LookupError("no crystal"))
    saved = backplane.snapshot()
    await backplane.quiesce(each=1, total=1)
    backplane.restore(saved)
    assert ports.read(BASE) == guest.read(0x06) == 0xFF


async def test_while_frozen_a_card_is_still_configured(backplane: Backplane, ports: Ports) -> None:
    """The new kernel of a switchover does so."""
    card = Modem()
    guest = await found(backplane, ports, card)
    await wait_all_tasks_blocked()
    await backplane.quiesce(each=1, total=1)
    guest.write(0x02, 0x01)
    assert guest.activate(0, BASE, IRQ)
    await wait_all_tasks_blocked()
    assert (card.runs, card.slot.running) == (1, False)
    backplane.thaw()
    await wait_all_tasks_blocked()
    assert (card.runs, card.slot.running) == (2, True)


async def test_a_cold_reset_is_reset_drv(backplane: Backplane, ports: Ports) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    await backplane.quiesce(each=1, total=1)
    backplane.slots[0].cold_reset()
    assert ports.read(BASE) == guest.read(0x06) == 0xFF
    assert backplane.leases == {0: Resources()}
    guest.send_key()
    assert len(guest.isolate()) == 1


async def test_a_replacement_takes_over_what_is_configured(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    ports.write(BASE, 0x42)

    class Newer(Modem):
        def plug_and_play(self) -> PlugAndPlay | None:
            return PlugAndPlay(self.vendor, "modem", [DEVICE, WINDOW], self.serial)

    new = Newer(answer=0x44)
    await backplane.replace(0, new)
    assert ports.read(BASE) == 0x44
    assert new.state.got == [0x42]
    assert new.told == [(0, Configuration((BASE,), (), (IRQ,), ()))]
    assert backplane.irq.levels[IRQ]
    assert guest.read(0x06) == 1


async def test_a_replacement_that_says_another_thing_of_itself_is_refused(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    with pytest.raises(BusError, match="says another thing to Plug and Play than card modem"):
        await backplane.replace(0, Modem(vendor="TST0009"))
    assert ports.read(BASE) == 0x11


async def test_a_replacement_that_fails_leaves_all_as_it_was(
    backplane: Backplane, ports: Ports
) -> None:
    class Broken(Modem):
        def configured(self, device: int, at: Configuration | None) -> None:
            raise LookupError("no crystal")

    guest = await found(backplane, ports)
    guest.activate(0, BASE, IRQ)
    ports.write(BASE, 0x42)
    with pytest.raises(CardError, match="no crystal"):
        await backplane.replace(0, Broken(answer=0x44))
    assert ports.read(BASE) == 0x11
    assert backplane.irq.levels[IRQ]
    assert guest.read(0x06) == 1
