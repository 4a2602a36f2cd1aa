"""A Plug and Play serial port: configured, it is as one with jumpers, and stays what it is over a
freeze, a snapshot in a file and a switchover."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import wait_all_tasks_blocked

from hotswap.bus import Backplane, BusError, PortRange, Resources, Slot
from hotswap.cards.uart import Uart, UartSettings
from hotswap.host.board import Board
from hotswap.host.card_report import card_row
from hotswap.host.discovery import make_card
from hotswap.host.guest import PATIENCE, Guest
from hotswap.host.images import refkernel
from hotswap.host.pytest_plugin import Ports
from hotswap.host.snapshot import go_on, open_restored, read_snapshot, take_snapshot, write_snapshot
from hotswap.switchover.coordinator import Switchover
from hotswap.switchover.errors import RolledBack
from hotswap.switchover.image import load_image
from hotswap.switchover.options import Options
from hotswap.switchover.phases import Phase
from hotswap.switchover.report import PhaseEvent
from hotswap.switchover.savemap import read

from .isapnp import Item, PnpGuest

BASE, IRQ = 0x3E8, 5
THR, IER, LCR, MCR, LSR, SCR = 0, 1, 3, 4, 5, 7
MS = 1_000_000
GUESTS = Path(__file__).parent / "guests"


async def configured(backplane: Backplane, ports: Ports) -> Slot:
    """A serial port at `BASE`, found and activated by a guest, and set up by its driver."""
    slot = await backplane.insert(make_card("uart", {"pnp": True}))
    guest = PnpGuest(ports)
    guest.send_key()
    assert len(guest.isolate()) == 1
    guest.wake(1)
    assert guest.activate(0, BASE, IRQ)
    guest.wait_for_key()
    for reg, value in ((IER, 1), (LCR, 3), (MCR, 0x0B)):
        ports.write(BASE + reg, value)
    await wait_all_tasks_blocked()
    return slot


async def echo(slot: Slot, ports: Ports, byte: int) -> None:
    """A byte from outside comes to the guest with an interrupt, which sends it back."""
    slot.input.feed(bytes((byte,)))
    await wait_all_tasks_blocked()
    assert slot.backplane.irq.levels[IRQ]
    assert ports.read(BASE + LSR) & 1
    assert ports.read(BASE) == byte
    assert not slot.backplane.irq.levels[IRQ]
    ports.write(BASE + THR, byte)
    assert slot.output.take() == bytes((byte,))


def test_with_jumpers_it_is_no_plug_and_play_card() -> None:
    assert Uart().plug_and_play() is None
    assert Uart(UartSettings(pnp=True)).resources() == Resources()


async def test_it_says_it_is_a_16550_at_one_of_the_usual_places(
    backplane: Backplane, ports: Ports
) -> None:
    await backplane.insert(make_card("uart", {"pnp": True}))
    guest = PnpGuest(ports)
    guest.send_key()
    guest.isolate()
    guest.wake(1)
    items = list(guest.items())
    assert Item(0x10, bytes.fromhex("41d0050102")) in items
    places = [int.from_bytes(item.content[1:3], "little") for item in items if item.name == 0x40]
    assert places == [0x3E8, 0x2E8, 0x2F8, 0x3F8]


async def test_a_byte_is_echoed_through_it(backplane: Backplane, ports: Ports) -> None:
    await echo(await configured(backplane, ports), ports, 0x42)


async def test_where_it_is_now_is_listed(backplane: Backplane, ports: Ports) -> None:
    row = card_row(await configured(backplane, ports))
    assert (row.resources.ports, row.resources.irqs) == (["0x03e8-0x03ef"], [IRQ])


async def test_its_scratch_register_is_a_latch_where_it_was_put(
    backplane: Backplane, ports: Ports
) -> None:
    slot = await configured(backplane, ports)
    assert backplane.io.latches.cells[BASE + SCR]
    ports.write(BASE + SCR, 0x55)
    assert slot.card.state.scr == ports.read(BASE + SCR) == 0x55


async def test_a_freeze_leaves_it_where_it_is(backplane: Backplane, ports: Ports) -> None:
    slot = await configured(backplane, ports)
    assert await backplane.quiesce(each=1, total=1) == []
    assert ports.read(BASE + LCR) == 3
    backplane.thaw()
    await echo(slot, ports, 0x43)


async def test_a_snapshot_in_a_file_has_its_number_its_place_and_its_line(
    board: Board, tmp_path: Path
) -> None:
    slot = await configured(board.backplane, Ports(board.backplane))
    Guest(board).boot(["pipes:2"])
    await board.pause()
    snapshot = await take_snapshot(board)
    write_snapshot(tmp_path / "file", snapshot)
    async with open_restored(read_snapshot(tmp_path / "file")) as restored:
        backplane = restored.backplane
        ports, other = Ports(backplane), backplane.slots[slot.number]
        assert backplane.leases[slot.number].ports == (PortRange(BASE, 8),)
        await restored.pause()
        go_on(restored, snapshot)
        await echo(other, ports, 0x44)
        guest = PnpGuest(ports)
        guest.send_key()
        guest.wake(1)
        assert [guest.read(reg) for reg in (0x06, 0x30, 0x61)] == [1, 1, BASE & 0xFF]


async def test_a_snapshot_that_puts_it_where_another_card_is_is_refused(board: Board) -> None:
    """Somebody has changed the file: its base is that of COM1."""
    slot = await configured(board.backplane, Ports(board.backplane))
    Guest(board).boot(["pipes:2"])
    await board.pause()
    snapshot = await take_snapshot(board)
    (saved,) = (card for card in snapshot.machine.cards if card.slot == slot.number)
    assert saved.pnp is not None
    saved.pnp.devices[0].registers[0x61] = 0xF8
    inner = pytest.RaisesExc(BusError, match=r"port 0x03f8 .* is taken by card uart in slot 3")
    with pytest.RaisesGroup(inner, flatten_subgroups=True):
        async with open_restored(snapshot):
            pass


async def test_a_switchover_carries_it_and_the_map_says_where_it_is(board: Board) -> None:
    ports = Ports(board.backplane)
    slot = await configured(board.backplane, ports)
    guest = Guest(board)
    guest.boot(["pipes:6"])
    await guest.pass_time(20 * MS)
    switchover = Switchover(board.machine, refkernel(2), Options(patience=PATIENCE))
    report = await switchover.run()
    assert report.outcome == "committed", report.reason
    assert all(word.startswith("ok") for word in (await guest.reported()).values())
    (dev,) = (dev for dev in read(switchover.map).dev if dev.dev_id == slot.number)
    assert (dev.driver.rstrip(b"\0"), dev.bus) == (b"uart", IRQ << 16 | BASE)
    await echo(slot, ports, 0x45)


async def test_a_switchover_that_is_undone_puts_it_back_where_the_new_kernel_has_moved_it_from(
    board: Board,
) -> None:
    ports = Ports(board.backplane)
    slot = await configured(board.backplane, ports)
    guest = Guest(board)
    guest.boot(["pipes:6"])
    await guest.pass_time(20 * MS)

    def move(event: PhaseEvent) -> None:
        if (event.phase, event.state) == (Phase.NEWINIT.name, "begun"):
            new = PnpGuest(ports)
            new.send_key()
            new.write(0x02, 0x05)
            assert len(new.isolate(first_csn=7)) == 1
            new.wake(7)
            assert new.activate(0, 0x2E8, 11)
            assert ports.read(BASE + LCR) == 0xFF

    image = load_image(GUESTS / "refkernel-v2-panic.elf")
    switchover = Switchover(board.machine, image, Options(patience=PATIENCE), move)
    with pytest.raises(RolledBack):
        await switchover.run()
    assert board.backplane.leases[slot.number].ports == (PortRange(BASE, 8),)
    await echo(slot, ports, 0x46)
    await guest.reported()
