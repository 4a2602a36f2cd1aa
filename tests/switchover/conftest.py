"""Shared by the survival tests: run programs, replace the kernel, hear the verdict."""

from collections.abc import Awaitable, Callable

import pytest

from hotswap.host.guest import Guest
from hotswap.host.pytest_plugin import SwitchKernel
from hotswap.switchover.coordinator import Switchover

MS = 1_000_000

Survive = Callable[..., Awaitable[dict[str, str]]]


@pytest.fixture
def survive(guest: Guest, switchover: SwitchKernel) -> Survive:
    """Boot `programs`, switch over to each of `kernels` while they work, return their verdicts.

    Every switchover must be committed, and happen before any program has reported.
    """

    async def run(
        *programs: str, kernels: tuple[int, ...] = (2, 1), start: int = 1, after_ms: int = 40
    ) -> dict[str, str]:
        guest.boot(programs, version=start)
        for kernel in kernels:
            await guest.pass_time(after_ms * MS)
            assert " ok " not in guest.text, "too late: make the program work longer"
            report = await switchover(kernel)
            assert report.outcome == "committed", report.reason
        return await guest.reported()

    return run


@pytest.fixture
def maps(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The map of each switchover, in order."""
    found: list[bytes] = []
    run = Switchover.run

    async def keep(self: Switchover) -> object:
        report = await run(self)
        found.append(self.map)
        return report

    monkeypatch.setattr(Switchover, "run", keep)
    return found
