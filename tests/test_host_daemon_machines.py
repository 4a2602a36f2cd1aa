"""The machines of a daemon do not depend on each other, nor on whether it has a defect."""

import os
import signal
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE

import pytest
import trio
import trio.testing

from hotswap.host.daemon import ending, supervisor
from hotswap.host.daemon import machines as machines_module
from hotswap.host.daemon.errors import DaemonError
from hotswap.host.daemon.machines import Machines
from hotswap.host.daemon.order import Order, words_file
from hotswap.host.daemon.process import MachineProcess
from hotswap.host.daemon.record import MachineRecord, hold_record, now, running_record
from hotswap.host.daemon.restart import Ending
from hotswap.host.daemon.runtime import hold_runtime
from hotswap.host.daemon.supervisor import Life, Supervisor, why_of


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
                with pytest.raises(DaemonError, match="did not start: RuntimeError: oh"):
                    await machines.find("a").start()
                machines.find("a").want()
                await machines.stop()
                nursery.cancel_scope.cancel()
    assert whys == {
        "a": "RuntimeError: oh; report this",
        "b": "no process can be started: Resource temporarily unavailable",
    }


def shells(monkeypatch: pytest.MonkeyPatch, script: str) -> list[trio.Process]:
    """From now on a shell is started in place of a machine; those that were."""
    children: list[trio.Process] = []

    async def started(order: Order) -> MachineProcess:
        words = words_file()
        child = await trio.lowlevel.open_process(
            ["sh", "-c", script], stdin=DEVNULL, stdout=PIPE, stderr=words
        )
        children.append(child)
        return MachineProcess(child.pid, os.pidfd_open(child.pid), words, child)

    monkeypatch.setattr(supervisor, "started", started)
    return children


@asynccontextmanager
async def three_machines(
    folder: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> AsyncIterator[tuple[Machines, list[str]]]:
    """Three that run, with a shell in place of a machine; and who has stopped, in that order."""
    shells(monkeypatch, script)
    files = [folder / f"{name}.toml" for name in "abc"]
    for file in files:
        file.write_text("")
    stopped: list[str] = []

    async def watch(machine: Supervisor) -> None:
        while machine.life is not Life.STOPPED:
            await machine.changed()
        stopped.append(machine.name)

    with hold_runtime(folder / "run") as runtime, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            machines = Machines(nursery, runtime, folder, None, files)
            machines.read(machines.files())
            for machine in machines.all.values():
                while machine.life is not Life.RUNNING:
                    await machine.changed()
                nursery.start_soon(watch, machine)
            yield machines, stopped
            nursery.cancel_scope.cancel()


async def test_machines_are_stopped_one_after_the_other_the_last_one_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with three_machines(tmp_path, monkeypatch, "echo ready; exec sleep 999") as found:
        machines, stopped = found
        await machines.stop()
        await trio.testing.wait_all_tasks_blocked()
        assert stopped == ["c", "b", "a"]


async def test_in_a_hurry_all_are_told_at_once_and_then_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ending, "HASTE", 0.2)
    deaf = "trap '' TERM; echo ready; exec sleep 999"
    async with three_machines(tmp_path, monkeypatch, deaf) as (machines, stopped):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(machines.stop)
            while machines.find("c").life is not Life.STOPPING:
                await machines.find("c").changed()
            machines.hurry.up()
            while machines.find("a").life is Life.RUNNING:
                await machines.find("a").changed()
            assert stopped == []
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(stopped) == ["a", "b", "c"]


async def test_a_machine_whose_supervisor_gave_up_is_taken_over_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as records:

        async def ready(self: MachineProcess) -> bool:
            if not (path := tmp_path / "run" / "a.json").exists():
                left = MachineRecord("a", str(tmp_path / "a.toml"), self.pid, now())
                records.enter_context(hold_record(path, left))
                raise RuntimeError("oh")
            return True

        monkeypatch.setattr(MachineProcess, "ready", ready)
        children = shells(monkeypatch, "exec sleep 999")
        (tmp_path / "a.toml").write_text("")
        with hold_runtime(tmp_path / "run") as runtime, trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                machines = Machines(nursery, runtime, tmp_path, None, [tmp_path / "a.toml"])
                machines.read(machines.files())
                machine = machines.find("a")
                while machine.life is not Life.FAILED:
                    await machine.changed()
                await machine.start()
                held = running_record(runtime.record("a"))
                assert held is not None
                assert (await machine.status()).pid == held.pid
                records.close()
                await machine.stop()
                assert (await machine.status()).state == "stopped"
                assert await children[0].wait() == -signal.SIGTERM
                nursery.cancel_scope.cancel()


async def test_in_a_hurry_stopping_ends_whatever_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def end(*_: object) -> str:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(supervisor, "end", end)
    monkeypatch.setattr(machines_module, "HASTE", 0.1)
    monkeypatch.setattr(machines_module, "GONE", 0.1)
    async with three_machines(tmp_path, monkeypatch, "echo ready; exec sleep 999") as (machines, _):
        machines.hurry.up()
        await machines.stop()
        for machine in machines.all.values():
            while machine.life is not Life.STOPPED:
                await machine.changed()


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert why_of(Ending(-40)) == "killed by signal 40"


@pytest.mark.parametrize("script", ["exec sleep 999", "exec sleep 999 >&-"])
async def test_a_machine_that_is_never_ready_is_ended_and_did_not_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    monkeypatch.setattr(supervisor, "START", 0.1)
    shells(monkeypatch, script)
    (tmp_path / "a.toml").write_text("")
    with hold_runtime(tmp_path / "run") as runtime, trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            machines = Machines(nursery, runtime, tmp_path, None, [])
            with pytest.raises(DaemonError, match=r"killed by SIGKILL: .* not ready within 0\.1 s"):
                await machines.to_start("", str(tmp_path / "a.toml")).start()
            nursery.cancel_scope.cancel()
