"""An NE2000 as a Plug and Play card: what a driver reads of it is where the guest put it."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane
from hotswap.host.discovery import make_card
from hotswap.host.pytest_plugin import Ports

from .isapnp import Item, PnpGuest

MAC = bytes.fromhex("525400123456")
CR, DATA = 0x00, 0x10
NAME, DEVICE, COMPATIBLE, IO, IRQS = 0x82, 0x10, 0x18, 0x40, 0x20


async def woken(backplane: Backplane, ports: Ports) -> PnpGuest:
    await backplane.insert(make_card("ne2000", {"pnp": True}))
    guest = PnpGuest(ports)
    guest.send_key()
    guest.isolate()
    guest.wake(1)
    return guest


async def test_it_says_it_is_an_rtl8019_and_compatible(backplane: Backplane, ports: Ports) -> None:
    guest = await woken(backplane, ports)
    assert list(guest.items())[1:-1] == [
        Item(NAME, b"hotswap-host NE2000"),
        Item(DEVICE, bytes.fromhex("4a8c801902")),
        Item(COMPATIBLE, bytes.fromhex("41d080d6")),
        Item(IO, bytes.fromhex("01800280032020")),
        Item(IRQS, bytes.fromhex("389e")),
    ]


@pytest.mark.parametrize(("base", "irq", "config1"), [(0x280, 5, 0xBC), (0x300, 15, 0xF0)])
async def test_its_address_and_its_jumpers_are_read_where_it_was_put(
    backplane: Backplane, ports: Ports, base: int, irq: int, config1: int
) -> None:
    guest = await woken(backplane, ports)
    assert guest.activate(0, base, irq)
    for reg, value in ((0x0E, 0x48), (0x08, 0), (0x09, 0), (0x0A, 12), (0x0B, 0), (CR, 0x0A)):
        ports.write(base + reg, value)  # remote DMA of 12 bytes from 0
    assert bytes(ports.read(base + DATA) for _ in range(12))[::2] == MAC
    ports.write(base + CR, 0xE1)
    assert [ports.read(base + reg) for reg in (3, 4)] == [0, config1]  # CONFIG0, CONFIG1


async def test_it_sends_what_it_received_and_drives_the_line_that_was_chosen(
    backplane: Backplane, ports: Ports
) -> None:
    guest = await woken(backplane, ports)
    guest.activate(0, 0x2A0, 11)
    slot = backplane.slots[0]
    for reg, value in ((CR, 0x21), (0x0F, 0x40), (0x07, 0xFF), (CR, 0x22), (0x0F, 0x40)):
        ports.write(0x2A0 + reg, value)
    ports.write(0x2A0 + 0x04, 0x40)  # TPSR
    ports.write(0x2A0 + 0x05, 64)  # TBCR0
    ports.write(0x2A0 + 0x06, 0)
    ports.write(0x2A0 + 0x0F, 0x0A)  # IMR: PTX, TXE
    ports.write(0x2A0 + CR, 0x26)
    assert slot.frames_out.take() == bytes.fromhex("ff") * 64
    assert backplane.irq.levels[11]
    guest.deactivate(0)
    assert not backplane.irq.levels[11]
    assert guest.activate(0, 0x2C0, 10)
    assert backplane.irq.levels[10]  # the request is still there
