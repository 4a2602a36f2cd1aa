"""A diskette controller with two drives on a backplane with nothing else."""

from __future__ import annotations

import pytest

from hotswap.bus import Backplane
from hotswap.cards.fdc import Fdc
from hotswap.host.pytest_plugin import Ports, VirtualClock

from .controller import Controller, Diskette


@pytest.fixture
def diskette() -> Diskette:
    return Diskette()


@pytest.fixture
async def fdc(
    backplane: Backplane, ports: Ports, virtual_clock: VirtualClock, diskette: Diskette
) -> Controller:
    """Two 1.44M drives, started; a diskette is in A."""
    slot = await backplane.insert(Fdc())
    slot.disks[0].change(diskette)
    controller = Controller(slot, ports, virtual_clock)
    await controller.start()
    return controller
