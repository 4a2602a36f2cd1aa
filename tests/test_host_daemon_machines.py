"""The machines of a daemon do not depend on each other, nor on whether it has a defect."""

import os
from pathlib import Path

import pytest
import trio

from hotswap.host.daemon import supervisor
from hotswap.host.daemon.machines import Machines
from hotswap.host.daemon.order import Order
from hotswap.host.daemon.process import MachineProcess
from hotswap.host.daemon.runtime import hold_runtime
from hotswap.host.daemon.supervisor import Life


async def test_a_defect_in_one_supervisor_is_no_harm_to_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [tmp_path / "a.toml", tmp_path / "b.toml"]
    for file in files:
        file.write_text("")

    async def started(order: Order) -> MachineProcess:
        if order.name == "a":
            raise RuntimeError("oh")
        raise OSError(11, os.strerror(11))

    monkeypatch.setattr(supervisor, "started", started)
    with hold_runtime(tmp_path / "run") as runtime:
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                machines = Machines(nursery, runtime, tmp_path, None, files)
                machines.read(machines.files())
                for name in ("a", "b"):
                    while machines.find(name).life is not Life.FAILED:
                        await machines.find(name).changed()
                whys = {each.name: each.why for each in await machines.status()}
                nursery.cancel_scope.cancel()
    assert whys == {
        "a": "RuntimeError: oh; report this",
        "b": "no process can be started: Resource temporarily unavailable",
    }
